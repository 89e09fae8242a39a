// The module that the runtime loads: it starts the wasm instance, hands it every request, and
// stands behind it. After a trap (a panic, `unreachable`, an exhausted stack) the instance's memory
// can't be trusted, so the requests in flight get a constant 503 and the next one a new instance.
// It decides nothing else.

import { initSync, __wbg_reset_state as reset, serve } from "./selvedge.js";
import { onPanic } from "./glue.js";
import module from "./selvedge_bg.wasm";

initSync({ module });

/** True from a trap to the next request; resetting at once would pull the stack from under it. */
let trapped = false;

/** One function for each request that waits on this instance; a trap calls them all. */
let waiting = new Set();

function trap() {
  trapped = true;
  const wakes = waiting;
  waiting = new Set();
  for (const wake of wakes) wake(TRAPPED);
}

const TRAPPED = Symbol("trapped");

onPanic(trap);

// A trap in a promise callback reaches no caller: nobody awaits what the callback returns.
addEventListener("unhandledrejection", (event) => {
  if (isTrap(event.reason)) trap();
});
addEventListener("error", (event) => {
  if (isTrap(event.error)) trap();
});

function isTrap(fault) {
  return fault instanceof WebAssembly.RuntimeError || fault instanceof RangeError;
}

function unavailable() {
  const body = "503 Service Unavailable\n";
  return new Response(body, {
    status: 503,
    headers: {
      "cache-control": "no-store",
      "cache-status": "selvedge; fwd=bypass; detail=panic",
      "content-length": String(body.length),
      "content-type": "text/plain; charset=utf-8",
      "retry-after": "5",
      "x-content-type-options": "nosniff",
    },
  });
}

function failed(fault) {
  console.error(fault);
  trap();
  return unavailable();
}

/** Awaits `answer`, or the trap that keeps it from ever settling. */
async function settle(answer) {
  const wakes = waiting;
  let wake;
  const trapping = new Promise((resolve) => wakes.add((wake = resolve)));
  try {
    const response = await Promise.race([answer, trapping]);
    return response === TRAPPED ? unavailable() : response;
  } catch (fault) {
    return failed(fault);
  } finally {
    wakes.delete(wake);
  }
}

export default {
  fetch(request, env, ctx) {
    try {
      if (trapped) {
        reset();
        trapped = false;
      }
      const answer = serve(request, env, ctx);
      return answer instanceof Promise ? settle(answer) : answer;
    } catch (fault) {
      return failed(fault);
    }
  },
};
