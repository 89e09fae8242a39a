// Follows the README's "Deploy to Cloudflare" with the repository's wrangler.toml, and checks the
// bindings that `wrangler deploy --dry-run` lists. All commands, lines and names come from these
// two files, so neither can change without the other.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { ROOT } from "../../../scripts/lib.mjs";
import { checkout } from "../lib/make_dev.mjs";
import { scratch } from "../lib/worker.mjs";

const DOMAIN = "cdn-of-ours.test";
const NAMESPACE = "fedcba9876543210fedcba9876543210";
/** The name in media/wrangler.toml. */
const [, RENDERER] = readFileSync(join(ROOT, "media/wrangler.toml"), "utf8").match(
  /^name = "([^"]+)"$/m,
);
const README = readFileSync(join(ROOT, "README.md"), "utf8");
const STEPS = README.match(/^## Deploy to Cloudflare\n(.*?)^## /ms)[1];

/** Returns the match of a pattern in the README's steps. */
function step(pattern) {
  const found = STEPS.match(pattern);
  assert.ok(found, `the README has no ${pattern}`);
  return found;
}

/** Splits wrangler.toml before the block to uncomment, and uncomments that. */
function uncommented(text) {
  const [, first] = step(/uncomment everything from `(\[env\.production\])` to the end/);
  const at = text.indexOf(`# ${first}\n`);
  assert.ok(at > 0, `wrangler.toml has no line # ${first}`);
  const lines = text.slice(at).split("\n");
  return [text.slice(0, at), lines.map((line) => line.replace(/^# ?/, "")).join("\n")];
}

/** Returns wrangler.toml as it is after step 3. */
function configured(text, store) {
  const [, example] = step(/write your domain for `([^`]+)`/);
  let [before, after] = uncommented(text);
  after = after.replaceAll(example, DOMAIN);
  if (store === "kv") {
    const [, diff] = step(/With KV, change.*?```diff\n(.*?)```/s);
    const changes = [...diff.matchAll(/^ *-(.*)\n *\+(.*)$/gm)];
    assert.equal(changes.length, 2, diff);
    for (const [, old, changed] of changes) {
      assert.ok(after.includes(`\n${old}\n`), `wrangler.toml has no line ${old}`);
      after = after.replace(old, changed.replace(/id = "[0-9a-f]{32}"/, `id = "${NAMESPACE}"`));
    }
  }
  return before + after;
}

/** The README's deploy commands. */
const [, MEDIA] = step(/`(npx wrangler deploy --config [^`]+)`/);
const [, MAIN] = step(/`(npx wrangler deploy --env [^`]+)`/);

/** Runs a deploy command with `--dry-run`; resolves to its output. */
async function dryRun(text, deploy = MAIN) {
  const cwd = checkout({ "wrangler.toml": () => text });
  const env = {
    ...process.env,
    NO_COLOR: "1",
    FORCE_COLOR: "0",
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_LOG_PATH: scratch(),
    CLOUDFLARE_API_TOKEN: "",
    npm_config_offline: "true",
  };
  const options = { cwd, env, timeout: 120_000 };
  const command = ["-c", `${deploy} --dry-run`];
  const { stdout, stderr } = await promisify(execFile)("sh", command, options);
  return stdout + stderr;
}

/** Returns the listed bindings: name -> kind and value. */
function listed(output) {
  const rows = output.matchAll(/^env\.(\w+)(?: \((.*?)\))?\s{2,}(\w[\w ]*?)\s*$/gm);
  return Object.fromEntries([...rows].map(([, name, value, kind]) => [name, [kind, value]]));
}

describe("the README's deploy", () => {
  const original = readFileSync(join(ROOT, "wrangler.toml"), "utf8");
  const [, bucket] = step(/`npx wrangler r2 bucket create ([^`]+)`/);
  const stores = {
    r2: ["BUCKET", ["R2 Bucket", bucket], "kv_namespaces"],
    kv: ["STORE_KV", ["KV Namespace", NAMESPACE], "r2_buckets"],
  };
  for (const [store, [binding, expected, other]] of Object.entries(stores)) {
    test(`with ${store}`, async () => {
      const text = configured(original, store);
      const output = await dryRun(text);
      const found = listed(output);
      assert.deepEqual(found[binding], expected, output);
      assert.equal(found.FRESH_LIMIT[0], "Rate Limit", output);
      assert.deepEqual(found.MEDIA, ["Worker", RENDERER], output);
      const settings = { DEFAULT_SITE: "www", HTTPS_ONLY: "true" };
      const variables = { BASE_DOMAIN: DOMAIN, STORE: store, ...settings };
      for (const [name, value] of Object.entries(variables)) {
        assert.deepEqual(found[name], ["Environment Variable", `"${value}"`], output);
      }
      assert.equal(Object.keys(found).length, 7, output);
      // The README announces this warning.
      const warnings = output.match(/^ +- .* at the top level, but not on .*$/gm) ?? [];
      assert.equal(warnings.length, 1, output);
      assert.match(warnings[0], new RegExp(`^ +- "${other}" exists`));
      assert.match(STEPS, /wrangler warns that production has no binding for the other store/);
      assert.match(output, /--dry-run: exiting now/);
      const routes = [`"${DOMAIN}/*"`, `"*.${DOMAIN}/*"`, `zone_name = "${DOMAIN}"`];
      for (const route of routes) assert.ok(text.includes(route), route);
    });
  }

  test("the media worker has no bindings, and the name of the service", async () => {
    const output = await dryRun(original, MEDIA);
    assert.match(output, /selvedge_media_bg\.wasm/);
    assert.match(output, /No bindings found/);
    assert.match(output, /--dry-run: exiting now/);
  });

  test("without the line with MEDIA, the worker has no such binding", async () => {
    const lines = configured(original, "r2").split("\n");
    const kept = lines.filter((line) => !/^services = .*"MEDIA"/.test(line));
    assert.equal(kept.length, lines.length - 1);
    const found = listed(await dryRun(kept.join("\n")));
    assert.equal(found.MEDIA, undefined);
    assert.equal(Object.keys(found).length, 6);
  });

  test("wrangler.toml can't be deployed by mistake before it is configured", async () => {
    // Without an `[env.production]`, wrangler would deploy a worker without a store.
    const output = await dryRun(original).catch((error) => error.stdout + error.stderr);
    assert.match(output, /No environment found in configuration with name "production"/);
  });
});
