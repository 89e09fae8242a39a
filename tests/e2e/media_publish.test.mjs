// Renditions of several deployments, for many clients at once, of broken files, and without the
// media worker. The shim counts the requests to the media worker.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { ROOT } from "../../scripts/lib.mjs";
import { AT_ONCE, cacheStatus, matches, until } from "./lib/check.mjs";
import { command, publish } from "./lib/cli.mjs";
import { blackPng, gif, largePng, nestedWebp, png } from "./lib/crafted.mjs";
import { BASE, CACHE, STORE, scratch, start, suiteWorker } from "./lib/worker.mjs";

const file = (path) => readFileSync(join(ROOT, path));
const image = (name) => file(`tests/media/${name}`);

const CONFIG = `
[media.presets.framed]
w = 128
mark = "/frame.png"

[media.presets.titled]
w = 128
text = { value = "Hello", font = "/font.ttf" }
`;

const SITE = {
  "selvedge.toml": CONFIG,
  "index.html": "<!doctype html>MARK",
  "photo.jpg": image("photo.jpg"),
  "framed.jpg": image("photo.jpg"),
  "titled.jpg": image("photo.jpg"),
  "frame.png": image("faded.png"),
  "font.ttf": file("tests/fonts/NotoSans-Latin.ttf"),
};

/** One rendition for each file that can change. */
const RENDITIONS = {
  "photo.jpg": "/photo.jpg?w=128",
  "frame.png": "/framed.jpg?p=framed",
  "font.ttf": "/titled.jpg?p=titled",
};

const ask = (worker, path, options) => worker.get("shop", `/_media${path}`, options);

/** Resolves to the entity tags and bytes of all renditions. */
async function look(worker) {
  const found = {};
  for (const [name, path] of Object.entries(RENDITIONS)) {
    const response = await ask(worker, path);
    const { headers, body } = matches(response, { status: 200 }, path);
    found[name] = { etag: headers.value("etag"), body: body.toString("base64") };
  }
  return found;
}

/** Calls `work`; resolves to the responses of the media worker meanwhile. */
async function rendersOf(worker, work) {
  await worker.shim({ renders: [] });
  await work();
  return (await worker.shim()).renders;
}

/** Calls `work`, and waits until `count` renditions were stored; resolves to its result. */
async function stored(worker, count, work) {
  const writes = async () => {
    const { serving } = await worker.shim();
    return serving.filter((operation) => operation.startsWith("put derived/")).length;
  };
  const since = await writes();
  const result = await work();
  await until(writes, (found) => found >= since + count);
  return result;
}

// With empty caches, all renditions come from the store.
for (const cache of [undefined, "empty"]) {
  describe(`publishing, with ${cache ?? "the usual"} caches`, () => {
    const worker = suiteWorker(() => start({ cache, vars: AT_ONCE }));
    let first;
    let deployment;
    before(async () => {
      ({ deployment } = await publish(worker, "shop", SITE));
      first = await stored(worker, 3, () => look(worker));
    });

    const CHANGES = [
      ["a source", "photo.jpg", image("rotated.jpg")],
      ["an overlay", "frame.png", image("photo.png")],
      ["a font", "font.ttf", file("tests/fonts/NotoSansDevanagari-Greeting.ttf")],
    ];
    for (const [what, name, bytes] of CHANGES) {
      test(`a new version of ${what} replaces its renditions alone, at once`, async () => {
        await publish(worker, "shop", { ...SITE, [name]: bytes });
        let found;
        const renders = await rendersOf(worker, async () => {
          found = await stored(worker, 1, () => look(worker));
        });
        assert.deepEqual(renders.map(({ status }) => status), [200]);
        assert.notEqual(found[name].etag, first[name].etag);
        assert.notEqual(found[name].body, first[name].body);
        assert.deepEqual({ ...found, [name]: null }, { ...first, [name]: null });

        const stale = { "if-none-match": first[name].etag };
        const revalidated = await ask(worker, RENDITIONS[name], { headers: stale });
        assert.equal(revalidated.status, 200, "a stale entity tag");
      });
    }

    test("a rollback restores all renditions without making one", async () => {
      const renders = await rendersOf(worker, async () => {
        await command(worker, ["rollback", deployment, "--site", "shop"]);
        assert.deepEqual(await look(worker), first);
      });
      assert.deepEqual(renders, []);
    });

    test("nothing was deleted", async () => {
      const { ops, serving } = await worker.shim();
      assert.ok(serving.some((operation) => operation.startsWith("put derived/")));
      const deleted = [...ops, ...serving].filter((operation) => operation.startsWith("delete"));
      assert.deepEqual(deleted.filter((operation) => operation.includes("derived/")), []);
    });
  });
}

describe("many clients at once", () => {
  const worker = suiteWorker(start, (worker) => publish(worker, "shop", SITE));

  // With empty caches, each request reads the store several times, and 1,000 at once time out.
  const [clients, times] = CACHE === "empty" ? [100, 3] : [1000, 1];

  test(`${clients} requests for a new rendition make it at most ${times} times`, async () => {
    const host = `shop.${BASE}`;
    const line = "GET /_media/photo.jpg?w=256 HTTP/1.1";
    const request = `${line}\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    const renders = await rendersOf(worker, async () => {
      const asked = Array.from({ length: clients }, () => worker.wire(request, 60_000));
      const found = await Promise.all(asked);
      const statuses = Map.groupBy(found, ({ status }) => status);
      assert.deepEqual([...statuses.keys()], [200]);
      assert.equal(new Set(found.map(({ body }) => body)).size, 1);
    });
    assert.ok(renders.length >= 1 && renders.length <= times, `${renders.length} times`);
  });
});

describe("a new isolate", () => {
  const state = scratch("selvedge-state-");
  let etags;
  before(async () => {
    const worker = await start({ state });
    await publish(worker, "shop", SITE);
    etags = await stored(worker, 3, () => look(worker));
    await worker.stop();
  });

  describe("with the media worker", () => {
    const worker = suiteWorker(() => start({ state }));

    test("304 and stored renditions need no instance of the media worker", async () => {
      const renders = await rendersOf(worker, async () => {
        for (const [name, path] of Object.entries(RENDITIONS)) {
          const headers = { "if-none-match": etags[name].etag };
          assert.equal((await ask(worker, path, { headers })).status, 304, path);
        }
        assert.deepEqual(await look(worker), etags);
      });
      assert.deepEqual(renders, []);
      const [made] = await rendersOf(worker, () => ask(worker, "/photo.jpg?w=640"));
      assert.deepEqual(made, { status: 200, instances: 1, modules: 0 });
    });
  });

  describe("without the media worker", () => {
    const worker = suiteWorker(() => start({ state, media: false }));

    test("stored renditions are served", async () => {
      assert.deepEqual(await look(worker), etags);
      const hit = await ask(worker, RENDITIONS["photo.jpg"]);
      assert.match(cacheStatus(hit), /^selvedge; hit;.*detail=derived/);
    });

    test("a plain size is the original for a minute", async () => {
      const found = await ask(worker, "/photo.jpg?w=750");
      matches(found, { status: 200, "cache-control": "public, max-age=60" });
      assert.deepEqual(found.body, SITE["photo.jpg"]);
    });

    test("a preset is unavailable", async () => {
      for (const path of ["/photo.jpg?p=framed&w=64", "/photo.jpg?p=titled&w=64"]) {
        matches(await ask(worker, path), { status: 503, "retry-after": /^\d+$/ }, path);
      }
    });
  });
});

describe("files that are no image, or too large a one", () => {
  const FILES = {
    "fake.png": ["<!doctype html>", 415],
    "half.png": [image("photo.png").subarray(0, 5000), 415],
    "broken.jpg": [image("broken.jpg"), 415],
    "nested.webp": [nestedWebp(1000), 415],
    "wide.png": [blackPng(16_384, 1), 422],
    "pixels.png": [png(10_001, 10_000, Buffer.alloc(8)), 422],
    "frames.gif": [gif(1000, 1000, 51), 422],
    // A store of KV takes no larger file.
    ...(STORE === "r2" ? { "large.png": [largePng(25 * 2 ** 20 + 1), 413] } : {}),
  };
  const WITHIN = {
    "wide-within.png": blackPng(16_383, 1),
    "frames-within.gif": gif(1000, 1000, 50),
    // 75 MB of pixels in 73 KB.
    "black.png": blackPng(5000, 5000),
  };
  const worker = suiteWorker(start, (worker) => {
    const files = Object.entries(FILES).map(([name, [bytes]]) => [name, bytes]);
    return publish(worker, "shop", { ...SITE, ...Object.fromEntries(files), ...WITHIN });
  });

  for (const [name, [, status]] of Object.entries(FILES)) {
    test(`${name}: ${status}, and the next request is served`, async () => {
      const refused = await ask(worker, `/${name}?w=64`);
      const expected = { status, "cache-control": "public, max-age=60" };
      matches(refused, { ...expected, "content-type": /^text\/plain/ }, name);
      assert.ok(!refused.text.includes("<"), refused.text);
      const next = await ask(worker, `/photo.jpg?w=96&v=${name.length}`);
      matches(next, { status: 200, "content-type": /^image\// }, `after ${name}`);
      matches(await worker.get("shop", "/"), { status: 200, text: /MARK/ });
    });
  }

  for (const name of Object.keys(WITHIN)) {
    test(`${name} is within the limits`, async () => {
      matches(await ask(worker, `/${name}?w=64`), { status: 200 }, name);
    });
  }

  test("a refusal is remembered", async () => {
    await ask(worker, "/pixels.png?w=96");
    const renders = await rendersOf(worker, () => ask(worker, "/pixels.png?w=96"));
    if (CACHE !== "empty") assert.deepEqual(renders, []);
  });
});
