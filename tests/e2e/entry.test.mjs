// The entry module stands behind the wasm instance: after a trap the requests in flight get a
// constant 503, and the next one a new instance. The wasm is a stand-in that traps on command.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Miniflare, NoOpLog, convertV4MiniflareOptions } from "miniflare";
import { get } from "./lib/client.mjs";
import { wellFormed } from "./lib/check.mjs";
import { ROOT } from "./lib/worker.mjs";

/** What wasm-bindgen's output looks like to the entry module. */
const STAND_IN = `
import { fulfil, panicked, promised, soon } from "./glue.js";
let instance = 0;
let last = 0;
const woken = new Map();
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
  const { pathname } = new URL(request.url);
  const born = instance;
  const headers = { "content-length": "1", "x-instance": String(born) };
  const answer = () => new Response(String(born % 10), { headers });
  if (pathname === "/panic") panicked();
  if (pathname === "/panic") throw new WebAssembly.RuntimeError("unreachable");
  if (pathname === "/trap") throw new WebAssembly.RuntimeError("unreachable");
  if (pathname === "/throw") throw new Error("some");
  if (pathname === "/later") {
    return task(
      (wake) => scheduler.wait(10).then(wake),
      () => { throw new WebAssembly.RuntimeError("unreachable"); },
    );
  }
  if (pathname === "/timer") {
    return task(
      (wake) => setTimeout(wake, 10),
      () => { throw new RangeError("Maximum call stack size exceeded"); },
    );
  }
  if (pathname === "/slow") {
    return task(
      (wake) => scheduler.wait(3000).then(wake),
      (id) => fulfil(id, answer()),
    );
  }
  return answer();
}
`;

let miniflare;
let port;

before(async () => {
  const file = (name) => readFileSync(join(ROOT, "src/edge", name));
  const module = (name, contents, type = "ESModule") => ({
    type,
    path: join("/worker", name),
    contents,
  });
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      modulesRoot: "/worker",
      modules: [
        module("index.mjs", file("entry.mjs")),
        module("glue.js", file("glue.js")),
        module("selvedge.js", STAND_IN),
        module("selvedge_bg.wasm", new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]), "CompiledWasm"),
      ],
      compatibilityDate: "2026-10-01",
      host: "127.0.0.1",
      port: 0,
      cf: false,
      log: new NoOpLog(),
      handleStructuredLogs: () => {},
      handleRuntimeStdio: (stdout, stderr) => [stdout, stderr].forEach((stream) => stream.resume()),
    }),
  );
  port = Number((await miniflare.ready).port);
});
after(() => miniflare.dispose());

const ask = (path, options) => get(port, "any.localhost", path, options);

function isUnavailable(answer, what) {
  wellFormed(answer, what);
  assert.equal(answer.status, 503, what);
  assert.equal(answer.headers.value("cache-control"), "no-store");
  assert.equal(answer.headers.value("retry-after"), "5");
  assert.match(answer.headers.value("cache-status"), /detail=panic/);
  assert.equal(answer.text, "503 Service Unavailable\n");
}

for (const path of ["/panic", "/trap", "/throw", "/later", "/timer"]) {
  test(`${path}: 503, and the next request has a new instance`, async () => {
    const earlier = Number((await ask("/")).headers.value("x-instance"));
    const since = Date.now();
    isUnavailable(await ask(path), path);
    assert.ok(Date.now() - since < 2000, `${Date.now() - since} ms`);
    assert.equal(Number((await ask("/")).headers.value("x-instance")), earlier + 1);
  });
}

test("what a trapped instance waited for wakes nobody in the next one", async () => {
  const slow = ask("/slow");
  await new Promise((resolve) => setTimeout(resolve, 100));
  isUnavailable(await ask("/trap"), "/trap");
  isUnavailable(await slow, "/slow");
  await new Promise((resolve) => setTimeout(resolve, 3100));
  assert.equal((await ask("/")).status, 200);
});

test("a trap answers the requests that wait on the same instance, at once", async () => {
  const since = Date.now();
  const waiting = Array.from({ length: 5 }, () => ask("/slow"));
  await new Promise((resolve) => setTimeout(resolve, 200));
  isUnavailable(await ask("/panic"), "/panic");
  for (const answer of await Promise.all(waiting)) isUnavailable(answer, "/slow");
  assert.ok(Date.now() - since < 2500, `${Date.now() - since} ms`);
  assert.equal((await ask("/slow")).status, 200);
});
