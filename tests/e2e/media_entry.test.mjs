// The entry module of the media worker: it replaces the wasm instance after a trap and when its
// memory has grown, limits the work at once, and needs no instance to refuse a request. A stand-in
// for the wasm traps on request.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Miniflare, convertV4MiniflareOptions } from "miniflare";
import { ROOT } from "../../scripts/lib.mjs";
import { get, wire } from "./lib/client.mjs";
import { MINIFLARE } from "./lib/worker.mjs";

/** Size of a body; two of them are too many. */
const LARGE = 20 * 2 ** 20;

/** Has the exports of wasm-bindgen's output that the entry module uses. A plan names an outcome. */
const STAND_IN = `
let bytes = 65536;
const trap = () => { throw new WebAssembly.RuntimeError("unreachable"); };
export function initSync() {}
export function __wbg_reset_state() { bytes = 65536; }
export const memory_bytes = () => bytes;
export function body_bytes(query) {
  const plan = decodeURIComponent(query);
  if (plan === "trap early") trap();
  if (plan === "bad") throw 400;
  return plan === "large" ? ${LARGE} : 4;
}
export function render(query, body, answers) {
  const plan = decodeURIComponent(query);
  if (plan === "trap") trap();
  if (plan === "recursion") { const again = () => again() + 1; again(); }
  if (plan === "broken") throw 415;
  if (plan === "complex") throw 422;
  if (plan.startsWith("memory ")) bytes = Number(plan.slice(7));
  const [kind, times] = plan.split(" ");
  if (kind === "draw" && answers.length < Number(times)) return ["drawSvg", body, answers.length];
  if (kind === "draw") return ["done", "image/png", "decode;dur=1", new Uint8Array(answers)];
  if (kind === "encode") return ["encodeWebp", "image/webp", "decode;dur=1", body.slice(), times];
  const made = new Uint8Array([...body.subarray(0, 4), plan.length]);
  return ["done", "image/png", "decode;dur=1", made];
}
`;

/** The other modules; each fails on request. */
const OTHERS = {
  "modules/avif.mjs": "export const encodeAvif = null;",
  "modules/kept.mjs": "export const instantiated = () => 0;",
  "modules/webp.mjs": `export async function encodeWebp(pixels, fails) {
    if (fails) throw new WebAssembly.RuntimeError("unreachable");
    return pixels.reverse();
  }`,
  "modules/drawing.mjs": `
    export const svgSize = null;
    export const drawText = null;
    export async function drawSvg(svg, count) {
      await scheduler.wait(1);
      if (svg[0] === 120) throw Object.assign(new Error(), { isComplex: true });
      if (count === 5) throw new Error("some");
      return count * 10;
    }
  `,
};

let miniflare;
let port;

before(async () => {
  const source = (name) => readFileSync(join(ROOT, "media/src/edge", name));
  const module = (name, contents, type = "ESModule") => {
    return { type, path: join("/worker", name), contents };
  };
  const modules = [
    module("index.mjs", source("entry.mjs")),
    module("load.mjs", source("load.mjs")),
    module("selvedge_media.js", STAND_IN),
    ...Object.entries(OTHERS).map(([name, text]) => module(name, text)),
    module("selvedge_media_bg.wasm", new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]), "CompiledWasm"),
  ];
  const bindings = { SHOWS_INSTANCES: "true" };
  const options = { ...MINIFLARE, modulesRoot: "/worker", modules, bindings };
  miniflare = new Miniflare(convertV4MiniflareOptions(options));
  port = Number((await miniflare.ready).port);
});
after(() => miniflare.dispose());

/** Asks for a rendition; resolves to its status, the number of instances so far, and the body. */
async function render(plan, body = Buffer.from("abcd"), options = {}) {
  const path = `/render?${encodeURIComponent(plan)}`;
  const headers = { "content-length": body.length };
  const response = await get(port, "media", path, { method: "POST", headers, body, ...options });
  const instances = Number(response.headers.value("x-instances"));
  return { status: response.status, instances, body: response.body, headers: response.headers };
}

test("a rendition has a type, a length and the times of its steps", async () => {
  const { status, body, headers } = await render("jpg");
  assert.equal(status, 200);
  assert.equal(body.toString("latin1"), "abcd\x03");
  assert.equal(headers.value("content-type"), "image/png");
  assert.equal(headers.value("content-length"), "5");
  assert.equal(headers.value("server-timing"), "decode;dur=1");
});

test("nothing else has an address", async () => {
  const asked = [["GET", "/render?jpg"], ["PUT", "/render?jpg"]];
  const rows = [...asked, ["POST", "/"], ["POST", "/render/"]];
  for (const [method, path] of rows) {
    const response = await get(port, "media", path, { method });
    assert.equal(response.status, 404, `${method} ${path}`);
    assert.equal(response.body.length, 0);
  }
});

for (const [plan, status] of [["bad", 400], ["broken", 415], ["complex", 422]]) {
  test(`${plan}: ${status} without a body, by the same instance`, async () => {
    const { instances } = await render("jpg");
    const refused = await render(plan);
    assert.deepEqual([refused.status, refused.body.length], [status, 0]);
    assert.equal((await render("jpg")).instances, instances);
  });
}

test("questions are answered one after the other", async () => {
  const { status, body } = await render("draw 3");
  assert.equal(status, 200);
  assert.deepEqual([...body], [0, 10, 20]);
});

test("another module encodes the pixels", async () => {
  const { status, body, headers } = await render("encode");
  assert.deepEqual([status, body.toString()], [200, "dcba"]);
  assert.equal(headers.value("content-type"), "image/webp");
  assert.match(headers.value("server-timing"), /^decode;dur=1, module;dur=\d+$/);
});

test("a fault of another module is a refusal, and leaves the instance alone", async () => {
  const { instances } = await render("jpg");
  assert.equal((await render("encode fails")).status, 415);
  assert.equal((await render("draw 6")).status, 415);
  assert.equal((await render("draw 1", Buffer.from("xbcd"))).status, 422);
  assert.equal((await render("jpg")).instances, instances);
});

test("a body of another length is bad", async () => {
  for (const body of ["", "abc", "abcde"]) {
    assert.equal((await render("jpg", Buffer.from(body))).status, 400, body);
  }
});

for (const plan of ["trap", "trap early", "recursion"]) {
  test(`${plan}: 415, and the next request has a new instance`, async () => {
    const { instances } = await render("jpg");
    assert.equal((await render(plan)).status, 415);
    const next = await render("jpg");
    assert.deepEqual([next.status, next.instances], [200, instances + 1]);
  });
}

test("an instance with more than 64 MiB is replaced", async () => {
  const { instances } = await render("jpg");
  assert.equal((await render(`memory ${64 * 2 ** 20}`)).status, 200);
  assert.equal((await render("jpg")).instances, instances);
  assert.equal((await render(`memory ${64 * 2 ** 20 + 65536}`)).status, 200);
  assert.equal((await render("jpg")).instances, instances + 1);
});

/** Sends the head of a request, and never its body; resolves to the status after 10 s. */
async function stuck(plan, bytes) {
  const head = [`POST /render?${plan} HTTP/1.1`, "Host: media", `Content-Length: ${bytes}`];
  const response = await wire(port, `${head.join("\r\n")}\r\nConnection: close\r\n\r\n`, 12_000);
  return response.status;
}

test("few wait for others for a few seconds, and the rest not at all", async () => {
  const first = [stuck("jpg", 4), stuck("jpg", 4)];
  await sleep(500);
  const since = Date.now();
  const times = [];
  const others = Array.from({ length: 20 }, async () => {
    const { status } = await render("jpg");
    times.push(Date.now() - since);
    return status;
  });
  assert.deepEqual(new Set(await Promise.all(others)), new Set([503]));
  assert.equal(times.filter((ms) => ms > 4_500).length, 16, times.join(" "));
  assert.deepEqual(await Promise.all(first), [503, 503]);
  assert.equal((await render("jpg")).status, 200);
});

test("two large bodies are not in memory at once", async () => {
  const first = stuck("large", LARGE);
  await sleep(500);
  const small = await render("jpg");
  assert.equal(small.status, 200, "a small one fits beside it");
  const second = await render("large", Buffer.alloc(LARGE));
  assert.equal(second.status, 503);
  assert.equal(await first, 503);
  assert.equal((await render("large", Buffer.alloc(LARGE))).status, 200);
});
