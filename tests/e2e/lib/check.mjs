// What holds for every response of every kind.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Fails unless the response says how it may be kept, how it came about, and how long it is. */
export function wellFormed(response, what, { method = "GET" } = {}) {
  const { headers, status } = response;
  assert.ok(headers.value("cache-control"), `${what}: cache-control`);
  assert.match(
    headers.value("cache-status") ?? "",
    /^selvedge; (hit|fwd=[a-z-]+)/,
    `${what}: cache-status`,
  );
  assert.equal(headers.value("x-content-type-options"), "nosniff", `${what}: nosniff`);
  assert.ok(!headers.has("set-cookie"), `${what}: set-cookie`);
  assert.ok(!headers.has("transfer-encoding"), `${what}: the length is known`);
  const length = headers.value("content-length");
  // RFC 9110 §8.6: a 204 has none, and a 304 need not.
  if (status === 204 || status === 304) {
    assert.equal(response.body.length, 0, `${what}: no body`);
    return response;
  }
  assert.ok(length !== null, `${what}: content-length`);
  const isBodiless = method === "HEAD";
  assert.equal(
    response.body.length,
    isBodiless ? 0 : Number(length),
    `${what}: as long as it says`,
  );
  return response;
}

/** A worker whose permanent stages show a deploy to the very next request. */
export const AT_ONCE = { LIVE_FRESH_SECS: "0", LIVE_STALE_SECS: "0" };

/** Asks until `done` says so of the answer, which it then resolves to. */
export async function until(ask, done) {
  for (let tries = 0; tries < 200; tries += 1) {
    const answer = await ask();
    if (done(answer)) return answer;
    await sleep(25);
  }
  throw new Error("it never came");
}

/** Whether a response was made of what was stored. */
export const isHit = ({ headers }) => /^selvedge; hit/.test(headers.value("cache-status") ?? "");
