// The encoders of the media worker on bare workerd, which allows no code from strings and no fetch.

import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { modules } from "../../../scripts/media_modules.mjs";
import { decode, picture, similarity } from "../lib/images.mjs";
import { configText, esModule, freePorts, serve, workerService } from "../lib/workerd.mjs";

const MIB = 2 ** 20;

/** Exposes the encoders, and reports the largest linear memory and the number of instances. */
const FRONT = `

const { Instance } = WebAssembly;
WebAssembly.Instance = class extends Instance {
  constructor(module, imports) {
    super(module, imports);
    WebAssembly.latest = Object.values(this.exports).find((it) => it instanceof WebAssembly.Memory);
  }
};
export default {
  async fetch(request) {
    const url = new URL(request.url);
    if (url.pathname === "/") return new Response("ready");
    const { instantiated } = await import("./kept.mjs");
    const { encodeWebp } = await import("./webp.mjs");
    const { encodeAvif } = await import("./avif.mjs");
    const encode = { "/webp": encodeWebp, "/avif": encodeAvif }[url.pathname];
    const [width, height, channels, quality] = JSON.parse(url.searchParams.get("args"));
    const pixels = new Uint8Array(await request.arrayBuffer());
    let body;
    let status = 200;
    try {
      body = await encode(pixels, width, height, channels, quality);
    } catch (fault) {
      body = String(fault);
      status = 500;
    }
    const bytes = WebAssembly.latest?.buffer.byteLength ?? 0;
    return new Response(body, {
      status,
      headers: { "memory-bytes": String(bytes), instances: String(instantiated()) },
    });
  },
};
`;

describe("the encoders on bare workerd", () => {
  let ports;
  let server;

  before(async () => {
    const folder = mkdtempSync(join(tmpdir(), "selvedge-encoders-"));
    writeFileSync(join(folder, "front.mjs"), FRONT);
    const parts = modules().map(({ from, name }) => {
      copyFileSync(from, join(folder, name));
      return name.endsWith(".wasm")
        ? `(name = "./${name}", wasm = embed "${name}")`
        : esModule(`./${name}`, name);
    });
    ports = await freePorts("media");
    const media = workerService({ modules: [esModule("front.mjs"), ...parts] });
    server = await serve(folder, configText({ media }, ports), ports.media);
  });
  after(() => server?.stop());

  async function encode(format, pixels, ...args) {
    const url = `http://127.0.0.1:${ports.media}/${format}?args=${JSON.stringify(args)}`;
    const response = await fetch(url, { method: "POST", body: pixels });
    return {
      status: response.status,
      bytes: Buffer.from(await response.arrayBuffer()),
      memory: Number(response.headers.get("memory-bytes")),
      instances: Number(response.headers.get("instances")),
    };
  }

  // Decibels. Both halve the chroma, which the chequered blue channel shows.
  const FORMATS = [
    { format: "webp", channels: 3, size: [301, 203], quality: 75, least: 28 },
    { format: "webp", channels: 4, size: [301, 203], quality: 75, least: 28 },
    { format: "webp", channels: 3, size: [1, 1], quality: 75, least: 28 },
    { format: "avif", channels: 3, size: [301, 203], quality: 50, least: 28 },
    { format: "avif", channels: 4, size: [301, 203], quality: 50, least: 28 },
    { format: "avif", channels: 3, size: [1, 1], quality: 50, least: 28 },
  ];
  for (const { format, channels, size, quality, least } of FORMATS) {
    test(`${format} of ${size.join(" x ")} with ${channels} channels`, async () => {
      const pixels = picture(...size, { opaque: channels === 3 });
      const { status, bytes } = await encode(format, pixels, ...size, channels, quality);
      assert.equal(status, 200, bytes.toString());
      const decoded = await decode(format, bytes);
      assert.deepEqual([decoded.width, decoded.height], size);
      const found = similarity(pixels, channels, decoded.data);
      assert.ok(found >= least, `${found} dB`);
      const worse = await encode(format, pixels, ...size, channels, 10);
      if (size[0] > 1) assert.ok(worse.bytes.length < bytes.length / 1.5, "quality counts");
    });
  }

  for (const [format, size] of [["webp", [400, 300]], ["avif", [400, 300]]]) {
    test(`${format} encodes to the same bytes in a used and in a new instance`, async () => {
      const pixels = picture(...size);
      const first = await encode(format, pixels, ...size, 3, 75);
      await encode(format, picture(64, 64, { opaque: false }), 64, 64, 4, 20);
      const second = await encode(format, pixels, ...size, 3, 75);
      assert.deepEqual(second.bytes, first.bytes);
      assert.equal(second.instances, first.instances);
      // WebP allows 16,383 pixels, AVIF 65,536.
      const refused = await encode(format, new Uint8Array(70_000 * 3), 70_000, 1, 3, 75);
      assert.equal(refused.status, 500);
      const third = await encode(format, pixels, ...size, 3, 75);
      assert.equal(third.instances, first.instances + 1, "a fault drops the instance");
      assert.deepEqual(third.bytes, first.bytes);
    });
  }

  test("pixels of another size are refused", async () => {
    for (const length of [0, 11, 13]) {
      const { status } = await encode("webp", new Uint8Array(length), 2, 2, 3, 75);
      assert.equal(status, 500);
    }
  });

  const LARGEST = [
    { format: "webp", size: [800, 600], most: 24, isDropped: false },
    { format: "webp", size: [3000, 2000], most: 68, isDropped: true },
    { format: "avif", size: [800, 600], most: 24, isDropped: false },
    { format: "avif", size: [2000, 1000], most: 68, isDropped: true },
  ];
  for (const { format, size, most, isDropped } of LARGEST) {
    test(`${format} of ${size.join(" x ")} takes at most ${most} MiB`, async () => {
      const refused = await encode(format, new Uint8Array(70_000 * 3), 70_000, 1, 3, 75);
      assert.equal(refused.status, 500);
      const large = await encode(format, picture(...size), ...size, 3, 50);
      assert.equal(large.status, 200);
      assert.ok(large.memory <= most * MIB, `${large.memory / MIB} MiB`);
      const next = await encode(format, picture(8, 8), 8, 8, 3, 50);
      assert.equal(next.instances - large.instances, isDropped ? 1 : 0);
    });
  }
});
