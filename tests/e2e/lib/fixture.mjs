// The sites that several suites publish.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../../../scripts/lib.mjs";
import { publish } from "./cli.mjs";
import { largePng, nestedWebp } from "./crafted.mjs";
import { BASE, ROOT_TOKEN } from "./worker.mjs";

export const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** 1,000 bytes that differ from their neighbours, so that a wrong range is noticed. */
export const RANGE_BYTES = Buffer.from(
  Array.from({ length: 1000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff),
);

const REWRITE = 'html = "rewrite"\n';

export const SITE_A = {
  "selvedge.toml": REWRITE,
  "index.html": "<!doctype html><title>A</title>MARK-A-INDEX",
  "docs/index.html": "<!doctype html><title>docs</title>MARK-A-DOCS",
  "range.bin": RANGE_BYTES,
  "app.abc123.js": "console.log('MARK-A-JS');",
  "b/c.txt": "MARK-A-BC",
};

export const SITE_B = {
  "selvedge.toml": REWRITE,
  "index.html": "<!doctype html><title>B</title>MARK-B-INDEX",
  "only-b.txt": "MARK-B-SECRET",
};

/** Two collections; appended keys belong to the second one, `content`. */
export const COLLECTIONS = `
[[collections]]
name = "public"
prefix = "/public/"

[[collections]]
name = "content"
prefix = "/content/"
`;

async function created(worker, path, body) {
  const { status, text, json } = await worker.api("POST", path, body);
  if (status !== 201) throw new Error(`${path}: ${status} ${text}`);
  return json;
}

/** Creates a token for `site`: `{id, token}`. */
export function siteToken(worker, site, scopes = ["publish", "read", "purge", "write"]) {
  return created(worker, `/sites/${site}/tokens`, { name: "test", scopes });
}

/** Creates a key for the fresh host of `site`. */
export async function siteKey(worker, site) {
  return (await created(worker, `/sites/${site}/keys`, { name: "test" })).key;
}

/** The listing of the collection that the attacks upload to, as text. */
export async function uploadsOf(worker) {
  return (await worker.api("GET", "/sites/aa/collections/public/objects")).text;
}

/** Everything stored for the sites of `twoSites` as one text, except uploads. */
export async function stateOf(worker) {
  const parts = ["", "/deployments", "/keys"];
  const paths = ["aa", "bb"].flatMap((site) => parts.map((part) => `/sites/${site}${part}`));
  paths.push("/sites", "/sites/aa/collections/content/objects");
  const responses = await Promise.all(paths.map((path) => worker.api("GET", path)));
  return responses.map(({ status, text }) => `${status} ${text}`).join("\n");
}

/** The prefix of the action of site `aa`. */
const ACTION = "/act";

/** Files of `aa` that only the attacks need. */
const MORE_OF_A = {
  "caf\u00e9.html": "<!doctype html>MARK-A-NFC",
  ".well-known/security.txt": "MARK-A-SECURITY",
};

const MEDIA = '\n[media]\nadapters = ["netlify", "next", "vercel"]\n';

const photo = readFileSync(join(ROOT, "tests/media/photo.png"));

/** Returns the images of `aa`; some only look like one. */
const images = () => ({
  "photo.png": photo,
  "evil.svg": `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
    width="64" height="64" onload="alert(1)"><script>alert(document.domain)</script>
    <image xlink:href="http://canary.test/x.png" width="64" height="64"/>
    <foreignObject width="64" height="64"><html xmlns="http://www.w3.org/1999/xhtml">
    <script>alert(2)</script></html></foreignObject></svg>`,
  "fake.png": "<!doctype html><script>alert(document.domain)</script>MARK-A-FAKE",
  "trunc.png": photo.subarray(0, photo.length / 2),
  "rec.webp": nestedWebp(1000),
  "big.png": largePng(25 * 2 ** 20),
});

/** Publishes the sites of `twoSites`. */
async function publishSites(worker, origin) {
  const action = `[[actions]]\nprefix = "${ACTION}"\norigin = "${origin.url}"\n`;
  const config = `${REWRITE}${action}${COLLECTIONS}fresh = true\n${MEDIA}`;
  const files = { ...SITE_A, ...MORE_OF_A, ...images(), "selvedge.toml": config };
  const page = (text) => ({ "index.html": `<!doctype html>${text}` });
  await publish(worker, "aa", { ...files, ...page("MARK-A-OLD") });
  await publish(worker, "aa", files);
  const staged = { ...page("MARK-A-STAGE"), _headers: "/*\n  X-Stage-Only: 1\n" };
  await publish(worker, "aa", { ...files, ...staged }, { stage: "stage" });
  await publish(worker, "bb", SITE_B);
  await publish(worker, "a-b", { ...page("MARK-B-INDEX"), "c.txt": "MARK-B-COLLIDE" });
  await publish(worker, "www", { ...page("welcome"), "selvedge.toml": REWRITE });
}

async function revokedToken(worker) {
  const { id, token } = await siteToken(worker, "aa");
  await worker.api("DELETE", `/sites/aa/tokens/${id}`);
  return token;
}

/**
 * Publishes the sites `aa`, with collections and an action whose upstream is `origin`, `bb` and
 * `www`; resolves to the values of the placeholders in the attack rows. `canary` is an upstream
 * that the operator does not allow.
 */
export async function twoSites(worker, { origin, canary }) {
  await publishSites(worker, origin);
  const [a, b] = [await siteToken(worker, "aa"), await siteToken(worker, "bb")];
  const api = "/.selvedge/v1/sites/aa";
  const fresh = "/sites/aa/collections/content/objects/index.html";
  await worker.api("PUT", fresh, Buffer.from("<!doctype html>MARK-A-FRESH"));
  const index = await worker.get("aa", "/index.html");
  const range = await worker.get("aa", "/range.bin");
  return {
    HOST_A: `aa.${BASE}`,
    HOST_B: `bb.${BASE}`,
    FRESH_HOST_A: `fresh--aa.${BASE}`,
    BASE_DOMAIN: BASE,
    CANARY: "canary.test",
    CANARY_ORIGIN: `127.0.0.1:${canary.port}`,
    ACTION,
    IMG: "/_media",
    FRESH: "/content",
    ADMIN_DEPLOYS_A: `${api}/deployments`,
    ADMIN_ACTIVATE_A: `${api}/stages/production/activate`,
    ADMIN_ROLLBACK_A: `${api}/stages/production/rollback`,
    ADMIN_PURGE_A: `${api}/purge`,
    ADMIN_BLOB_A: `${api}/blobs`,
    PUBLIC_UPLOAD_A: `${api}/collections/public/objects`,
    TOKEN_A: a.token,
    TOKEN_B: b.token,
    TOKEN_REVOKED: await revokedToken(worker),
    ROOT_TOKEN,
    FRESH_KEY_A: await siteKey(worker, "aa"),
    FRESH_KEY_SPENT: await siteKey(worker, "aa"),
    HASH_B_SECRET: sha256("MARK-B-SECRET"),
    HASH_X: sha256("X"),
    ETAG_A_INDEX: index.headers.value("etag"),
    ETAG_RANGE: range.headers.value("etag"),
  };
}
