// Every row of tests/vectors/attacks.json, on bare workerd, which hands URLs over as they came, and
// on miniflare, which normalises them, with both stores.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { attack } from "../lib/attack.mjs";
import { twoSites } from "../lib/fixture.mjs";
import { ROOT, start, startBare } from "../lib/worker.mjs";

const { vectors } = JSON.parse(readFileSync(join(ROOT, "tests/vectors/attacks.json"), "utf8"));

const RUNTIMES = [
  ["bare workerd", () => startBare()],
  ["miniflare with R2", () => start({ store: "r2" })],
  ["miniflare with KV", () => start({ store: "kv" })],
];

for (const [runtime, begin] of RUNTIMES) {
  describe(`attacks on ${runtime}`, () => {
    let worker;
    let places;
    let state;

    const snapshot = async () => {
      const sites = await Promise.all(
        ["aa", "bb"].map((site) => worker.api("GET", `/sites/${site}`)),
      );
      return JSON.stringify(sites.map(({ json }) => json));
    };

    before(async () => {
      worker = await begin();
      places = await twoSites(worker);
      state = await snapshot();
    });

    after(async () => {
      const later = await snapshot();
      await worker.stop();
      assert.equal(later, state, "the attacks changed what is stored");
    });

    for (const row of vectors) {
      test(`${row.id} ${row.name}`, async () => {
        assert.deepEqual(await attack(worker.port, row, places), []);
      });
    }
  });
}
