// The entry module replaces the wasm instance after a trap: requests in flight get a constant 503,
// and the next one a new instance. A stand-in for the wasm traps on request.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { ROOT } from "../../scripts/lib.mjs";
import { matches, wellFormed } from "./lib/check.mjs";
import { get } from "./lib/client.mjs";
import { MINIFLARE } from "./lib/worker.mjs";

/** Has the exports of wasm-bindgen's output that the entry module uses. */
const STAND_IN = `
import { fulfil, panicked, promised, soon } from "./glue.js";
let instance = 0;
let last = 0;
const woken = new Map();
const trap = () => { throw new WebAssembly.RuntimeError("unreachable"); };
export function initSync() { instance = 1; }
export function __wbg_reset_state() { instance += 1; woken.clear(); }
export function poll(task) { woken.get(task)?.(); }
function task(wake, then) {
  last += 1;
  const id = last;
  woken.set(id, () => then(id));
  wake(() => soon(id));
  return promised(id);
}
export function serve(request) {
  const born = instance;
  const headers = { "content-length": "1", "x-instance": String(born) };
  const answer = () => new Response(String(born % 10), { headers });
  const paths = {
    "/panic": () => { panicked(); trap(); },
    "/trap": trap,
    "/throw": () => { throw new Error("some"); },
    "/later": () => task((wake) => scheduler.wait(10).then(wake), trap),
    "/timer": () => task(
      (wake) => setTimeout(wake, 10),
      () => { throw new RangeError("Maximum call stack size exceeded"); },
    ),
    "/slow": () => task(
      (wake) => scheduler.wait(3000).then(wake),
      (id) => fulfil(id, answer()),
    ),
  };
  return (paths[new URL(request.url).pathname] ?? answer)();
}
`;

let miniflare;
let port;

before(async () => {
  const source = (name) => readFileSync(join(ROOT, "src/edge", name));
  const module = (name, contents, type = "ESModule") => {
    return { type, path: join("/worker", name), contents };
  };
  const modules = [
    module("index.mjs", source("entry.mjs")),
    module("glue.js", source("glue.js")),
    module("selvedge.js", STAND_IN),
    module("selvedge_bg.wasm", new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]), "CompiledWasm"),
  ];
  const options = { ...MINIFLARE, modulesRoot: "/worker", modules };
  miniflare = new Miniflare(convertV4MiniflareOptions(options));
  port = Number((await miniflare.ready).port);
});
after(() => miniflare.dispose());

const ask = (path) => get(port, "any.localhost", path);
const instance = async () => Number((await ask("/")).headers.value("x-instance"));

function isUnavailable(response, what) {
  matches(wellFormed(response, what), {
    status: 503,
    text: "503 Service Unavailable\n",
    "cache-control": "no-store",
    "retry-after": "5",
    "cache-status": /detail=panic/,
  });
}

for (const path of ["/panic", "/trap", "/throw", "/later", "/timer"]) {
  test(`${path}: a 503, and the next request has a new instance`, async () => {
    const earlier = await instance();
    const since = Date.now();
    isUnavailable(await ask(path), path);
    assert.ok(Date.now() - since < 2000, `${Date.now() - since} ms`);
    assert.equal(await instance(), earlier + 1);
  });
}

test("a trapped instance's pending promise does not wake a task of the next one", async () => {
  const slow = ask("/slow");
  await sleep(100);
  isUnavailable(await ask("/trap"), "/trap");
  isUnavailable(await slow, "/slow");
  await sleep(3100);
  assert.equal((await ask("/")).status, 200);
});

test("a trap answers all requests that wait on the same instance at once", async () => {
  const since = Date.now();
  const waiting = Array.from({ length: 5 }, () => ask("/slow"));
  await sleep(200);
  isUnavailable(await ask("/panic"), "/panic");
  for (const response of await Promise.all(waiting)) isUnavailable(response, "/slow");
  assert.ok(Date.now() - since < 2500, `${Date.now() - since} ms`);
  assert.equal((await ask("/slow")).status, 200);
});
