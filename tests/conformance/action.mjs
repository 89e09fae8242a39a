// The cache under test: the built worker, and a site whose only action goes to the suite's origin.

import { publish } from "../e2e/lib/cli.mjs";
import { start, startBare } from "../e2e/lib/worker.mjs";

/** The site of the base host, because names below `localhost` don't resolve everywhere. */
const SITE = "conformance";

/** Options of the action that make it follow RFC 9111 to the letter. */
export const OPTIONS = { prefix: "/", first: true, heuristic: true, set_cookie: "store" };

/** `OPTIONS` and more as lines of TOML. */
export const lines = (more = {}) =>
  Object.entries({ ...OPTIONS, ...more }).map(
    ([name, value]) => `${name} = ${JSON.stringify(value)}`,
  );

/** Starts a worker whose base host answers from `origin`. */
export async function startAction(origin, { bare = false } = {}) {
  // The long deadline keeps a busy machine from looking like a failed cache.
  const vars = { ALLOWED_ORIGINS: origin, DEFAULT_SITE: SITE, EDGE_DEADLINE_MS: "5000" };
  const worker = await (bare ? startBare : start)({ vars, cache: "on" });
  try {
    await publish(worker, SITE, {
      "selvedge.toml": `[[actions]]\n${lines({ origin }).join("\n")}\n`,
      "index.html": "<!doctype html><title>never shown</title>",
    });
  } catch (error) {
    await worker.stop();
    throw error;
  }
  return worker;
}
