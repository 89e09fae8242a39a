// Every row of tests/vectors/attacks.json, on bare workerd, which hands URLs over as they came, and
// on miniflare, which normalises them, with both stores.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { attack } from "../lib/attack.mjs";
import { stateOf, twoSites } from "../lib/fixture.mjs";
import { startOrigin } from "../lib/origin.mjs";
import { ROOT, start, startBare } from "../lib/worker.mjs";

const { vectors } = JSON.parse(readFileSync(join(ROOT, "tests/vectors/attacks.json"), "utf8"));

/** A limit of the fresh host that a row can use up, of which the rows before it use less. */
const LIMITED = { FRESH_LIMIT_PER_MINUTE: "60" };

const RUNTIMES = [
  ["bare workerd", (vars) => startBare({ vars })],
  ["miniflare with R2", (vars) => start({ store: "r2", vars })],
  ["miniflare with KV", (vars) => start({ store: "kv", vars })],
];

for (const [runtime, begin] of RUNTIMES) {
  describe(`attacks on ${runtime}`, () => {
    let worker;
    let upstreams;
    let places;
    let state;

    before(async () => {
      upstreams = { origin: await startOrigin(), canary: await startOrigin() };
      worker = await begin({ ALLOWED_ORIGINS: upstreams.origin.url, ...LIMITED });
      places = await twoSites(worker, upstreams);
      state = await stateOf(worker);
    });

    after(async () => {
      const later = await stateOf(worker);
      await worker.stop();
      await Promise.all(Object.values(upstreams).map((one) => one.stop()));
      // Uploads that are allowed invalidate copies, which raises `seq`. That those that are refused
      // don't is checked row by row.
      const lasting = (text) => text.replace(/"seq":\d+/g, "");
      assert.equal(lasting(later), lasting(state), "the attacks changed what is stored");
    });

    for (const row of vectors) {
      test(`${row.id} ${row.name}`, async () => {
        assert.deepEqual(await attack(worker, row, places, upstreams), []);
      });
    }
  });
}
