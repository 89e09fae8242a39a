// The cache under test: the built worker, and a site whose only action goes to the suite's server.

import { publish } from "../e2e/lib/cli.mjs";
import { start, startBare } from "../e2e/lib/worker.mjs";
import { runTests, startOrigin } from "./suite.mjs";

/** The site of the base host, because names below `localhost` don't resolve everywhere. */
const SITE = "conformance";

/** Options of the action that make it follow RFC 9111 to the letter. */
export const OPTIONS = { prefix: "/", first: true, heuristic: true, set_cookie: "store" };

/** `OPTIONS` and more as lines of TOML. */
export const lines = (more = {}) =>
  Object.entries({ ...OPTIONS, ...more }).map(
    ([name, value]) => `${name} = ${JSON.stringify(value)}`,
  );

/** Runs the tests `ids` of `suite` against a new worker; resolves to their results. */
export async function measure(suite, ids, { bare = false } = {}) {
  const running = [];
  try {
    const origin = await startOrigin(suite);
    running.push(origin);
    // The long deadline keeps a busy machine from looking like a failed cache.
    const vars = { ALLOWED_ORIGINS: origin.url, DEFAULT_SITE: SITE, EDGE_DEADLINE_MS: "5000" };
    const worker = await (bare ? startBare : start)({ vars, cache: "on" });
    running.push(worker);
    await publish(worker, SITE, {
      "selvedge.toml": `[[actions]]\n${lines({ origin: origin.url }).join("\n")}\n`,
      "index.html": "<!doctype html><title>never shown</title>",
    });
    return await runTests(suite, worker.url, ids);
  } finally {
    await Promise.all(running.map((one) => one.stop()));
  }
}
