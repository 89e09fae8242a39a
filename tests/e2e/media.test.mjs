// Renditions through both workers.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT } from "../../scripts/lib.mjs";
import { publish } from "./lib/cli.mjs";
import { start, suiteWorker } from "./lib/worker.mjs";

const photo = readFileSync(join(ROOT, "tests/media/photo.jpg"));
const FILES = {
  "selvedge.toml": "[media]\n",
  "index.html": "<!doctype html><title>Media</title>",
  "photo.jpg": photo,
  "fake.png": "<!doctype html>",
  "broken.jpg": readFileSync(join(ROOT, "tests/media/broken.jpg")),
};

describe("renditions", () => {
  const worker = suiteWorker(start, (worker) => publish(worker, "pics", FILES));
  const ask = (path, headers = {}) => worker.get("pics", `/_media${path}`, { headers });

  const ACCEPT = [
    ["image/avif,image/webp,*/*", "image/avif"],
    ["image/webp,*/*", "image/webp"],
    ["image/*,*/*", "image/jpeg"],
  ];
  for (const [accept, type] of ACCEPT) {
    test(`a client that accepts ${accept} gets ${type}`, async () => {
      const { status, headers, body } = await ask("/photo.jpg?w=64&auto=format", { accept });
      assert.equal(status, 200);
      assert.equal(headers.value("content-type"), type);
      assert.match(headers.value("vary") ?? "", /accept/i);
      assert.equal(headers.value("content-length"), String(body.length));
      assert.ok(body.length < photo.length);
    });
  }

  test("a known entity tag is answered with 304", async () => {
    const first = await ask("/photo.jpg?w=96");
    const etag = first.headers.value("etag");
    const again = await ask("/photo.jpg?w=96", { "if-none-match": etag });
    assert.deepEqual([first.status, again.status, again.body.length], [200, 304, 0]);
  });

  test("what is no image is refused, and the next image is rendered", async () => {
    for (const path of ["/fake.png?w=64", "/broken.jpg?w=64", "/index.html?w=64"]) {
      assert.equal((await ask(path)).status, 415, path);
      assert.equal((await ask("/photo.jpg?w=128")).status, 200);
    }
  });
});

describe("without the media worker", () => {
  const begin = () => start({ media: false });
  const worker = suiteWorker(begin, (worker) => publish(worker, "pics", FILES));

  test("a plain rendition is the original", async () => {
    const { status, body } = await worker.get("pics", "/_media/photo.jpg?w=64");
    assert.equal(status, 200);
    assert.deepEqual(body, photo);
  });
});
