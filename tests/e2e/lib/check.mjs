// Checks that several suites share.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Variables with which permanent stages serve a deploy from the very next request on. */
export const AT_ONCE = { LIVE_FRESH_SECS: "0", LIVE_STALE_SECS: "0" };

/** Checks the invariants of every response; returns the response. */
export function wellFormed(response, what, { method = "GET" } = {}) {
  const { body, headers, status } = response;
  assert.ok(headers.value("cache-control"), `${what}: cache-control`);
  assert.match(cacheStatus(response), /^selvedge; (hit|fwd=[a-z-]+)/, `${what}: cache-status`);
  assert.equal(headers.value("x-content-type-options"), "nosniff", `${what}: nosniff`);
  assert.ok(!headers.has("set-cookie"), `${what}: set-cookie`);
  assert.ok(!headers.has("transfer-encoding"), `${what}: transfer-encoding`);
  const length = headers.value("content-length");
  // RFC 9110 section 8.6: a 204 has no Content-Length, and a 304 need not have one.
  const isEmpty = status === 204 || status === 304;
  assert.ok(isEmpty || length !== null, `${what}: content-length`);
  const expected = isEmpty || method === "HEAD" ? 0 : Number(length);
  assert.equal(body.length, expected, `${what}: length of the body`);
  return response;
}

/**
 * Checks the status, the text and headers of a response; returns the response. `status` may be a
 * list. A RegExp must match; null means that the header is absent.
 */
export function matches(response, { status, ...expected }, what = "the response") {
  if (status !== undefined)
    assert.ok([status].flat().includes(response.status), `${what}: status ${response.status}`);
  for (const [name, wanted] of Object.entries(expected)) {
    const found = name === "text" ? response.text : response.headers.value(name);
    const message = `${what}: ${name} is ${JSON.stringify(found)}, expected ${wanted}`;
    if (wanted instanceof RegExp) assert.match(found ?? "", wanted, message);
    else assert.equal(found, wanted, message);
  }
  return response;
}

export const cacheStatus = ({ headers }) => headers.value("cache-status") ?? "";

/** Whether the response came from a cache. */
export const isHit = (response) => /^selvedge; hit/.test(cacheStatus(response));

/** Repeats `ask` until `isDone` accepts the result, and resolves to that. */
export async function until(ask, isDone) {
  for (let tries = 0; tries < 200; tries += 1) {
    const result = await ask();
    if (isDone(result)) return result;
    await sleep(25);
  }
  throw new Error("the expected result did not occur");
}
