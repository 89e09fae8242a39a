// The cache under test: the built worker, a site, and one action in front of the suite's origin.

import { publish } from "../e2e/lib/cli.mjs";
import { start, startBare } from "../e2e/lib/worker.mjs";

/** The site that the base host shows: names below `localhost` do not resolve everywhere. */
const SITE = "conformance";

/** What the action says beside its origin: RFC 9111 to the letter, as the suite asks for it. */
export const OPTIONS = { prefix: "/", first: true, heuristic: true, set_cookie: "store" };

/** Starts a worker whose base host answers from `origin`; resolves to the worker. */
export async function startAction(origin, { bare = false } = {}) {
  // A machine that is busy with the tests themselves is not a cache that is down.
  const vars = { ALLOWED_ORIGINS: origin, DEFAULT_SITE: SITE, EDGE_DEADLINE_MS: "5000" };
  const worker = await (bare ? startBare({ vars, cache: "on" }) : start({ vars, cache: "on" }));
  const lines = Object.entries({ ...OPTIONS, origin }).map(
    ([name, value]) => `${name} = ${JSON.stringify(value)}\n`,
  );
  try {
    await publish(worker, SITE, {
      "selvedge.toml": `[[actions]]\n${lines.join("")}`,
      "index.html": "<!doctype html><title>never shown</title>",
    });
  } catch (error) {
    await worker.stop();
    throw error;
  }
  return worker;
}
