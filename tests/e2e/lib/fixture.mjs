// The sites that the tests publish.

import { createHash } from "node:crypto";
import { publish } from "./cli.mjs";
import { BASE, ROOT_TOKEN } from "./worker.mjs";

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** 1,000 bytes, each different from its neighbours, so that a wrong range shows. */
export const RANGE_BYTES = Buffer.from(
  Array.from({ length: 1000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff),
);

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);

const REWRITE = 'html = "rewrite"\n';

export const SITE_A = {
  "selvedge.toml": REWRITE,
  "index.html": "<!doctype html><title>A</title>MARK-A-INDEX",
  "docs/index.html": "<!doctype html><title>docs</title>MARK-A-DOCS",
  "range.bin": RANGE_BYTES,
  "empty.txt": "",
  "app.abc123.js": "console.log('MARK-A-JS');",
  "photo.png": PNG,
  "b/c.txt": "MARK-A-BC",
};

export const SITE_B = {
  "selvedge.toml": REWRITE,
  "index.html": "<!doctype html><title>B</title>MARK-B-INDEX",
  "only-b.txt": "MARK-B-SECRET",
};

/** A token of its own for `site`, with `scopes`. */
export async function siteToken(worker, site, scopes = ["publish", "read", "purge", "write"]) {
  const made = await worker.api("POST", `/sites/${site}/tokens`, { name: "test", scopes });
  if (made.status !== 201) throw new Error(`tokens of ${site}: ${made.status} ${made.text}`);
  return made.json;
}

/** Publishes the sites `aa`, `bb` and `www`; resolves to what the attack rows name. */
export async function twoSites(worker) {
  const live = await publish(worker, "aa", SITE_A);
  await publish(worker, "bb", SITE_B);
  const welcome = {
    "selvedge.toml": REWRITE,
    "index.html": "<!doctype html><title>www</title>welcome",
  };
  await publish(worker, "www", welcome);
  const [a, b] = [await siteToken(worker, "aa"), await siteToken(worker, "bb")];
  const api = "/.selvedge/v1/sites/aa";
  return {
    HOST_A: `aa.${BASE}`,
    HOST_B: `bb.${BASE}`,
    HOST_UNKNOWN: `nosuch.${BASE}`,
    BASE_DOMAIN: BASE,
    CANARY: "canary.test",
    ADMIN: "/.selvedge/v1",
    ADMIN_DEPLOYS_A: `${api}/deployments`,
    ADMIN_ACTIVATE_A: `${api}/stages/production/activate`,
    ADMIN_ROLLBACK_A: `${api}/stages/production/rollback`,
    ADMIN_BLOB_A: `${api}/blobs`,
    TOKEN_A: a.token,
    TOKEN_B: b.token,
    ROOT_TOKEN,
    HASH_B_SECRET: sha256("MARK-B-SECRET"),
    DEPLOY_A_LIVE: live.deployment,
    PORT: String(worker.port),
  };
}
