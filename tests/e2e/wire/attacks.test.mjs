// Every row of tests/vectors/attacks.json on bare workerd, which does not change URLs, and on
// miniflare, which normalises them, with both stores.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { ROOT } from "../../../scripts/lib.mjs";
import { attack } from "../lib/attack.mjs";
import { stateOf, twoSites } from "../lib/fixture.mjs";
import { suiteOrigin } from "../lib/origin.mjs";
import { start, startBare, suiteWorker } from "../lib/worker.mjs";

const { vectors } = JSON.parse(readFileSync(join(ROOT, "tests/vectors/attacks.json"), "utf8"));

/** Paths that take the URL of an image in the query. */
const ADAPTERS = ["/.netlify/images", "/_next/image", "/_vercel/image"];

/** Returns a row, followed by a copy for each adapter if the row has the URL in its query. */
function withAdapters(row) {
  if (!row.request.path?.startsWith("${IMG}?url=")) return [row];
  return [
    row,
    ...ADAPTERS.map((path) => ({ ...row, name: `${row.name}, ${path}`, places: { IMG: path } })),
  ];
}

/** High enough for all rows but the one that uses it up. */
const LIMIT = { FRESH_LIMIT_PER_MINUTE: "60" };

const RUNTIMES = [
  ["bare workerd", (vars) => startBare({ vars })],
  ["miniflare with R2", (vars) => start({ store: "r2", vars })],
  ["miniflare with KV", (vars) => start({ store: "kv", vars })],
];

for (const [runtime, begin] of RUNTIMES) {
  describe(`attacks on ${runtime}`, () => {
    let places;
    let state;
    // Runs before the hook that stops the worker.
    after(async () => {
      // Allowed uploads invalidate copies, which raises `seq`. Rows of refused ones check that they
      // don't.
      const lasting = (text) => text.replace(/"seq":\d+/g, "");
      assert.equal(lasting(await stateOf(worker)), lasting(state), "stored data changed");
    });
    const upstreams = { origin: suiteOrigin(), canary: suiteOrigin() };
    const worker = suiteWorker(
      () => begin({ ALLOWED_ORIGINS: upstreams.origin.url, ...LIMIT }),
      async (worker) => {
        places = await twoSites(worker, upstreams);
        state = await stateOf(worker);
      },
    );

    for (const row of vectors.flatMap(withAdapters)) {
      test(`${row.id} ${row.name}`, async () => {
        assert.deepEqual(await attack(worker, row, { ...places, ...row.places }, upstreams), []);
      });
    }
  });
}
