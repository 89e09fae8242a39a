// The module that the runtime loads: it starts the wasm instance, hands it every request, and
// stands behind it. After a trap (a panic, `unreachable`, an exhausted stack) the instance's memory
// can't be trusted, so the requests in flight get a constant 503 and the next one a new instance.
// It decides nothing else.

import { initSync, __wbg_reset_state as reset, serve, poll } from "./selvedge.js";
import { abandon, ask, connect } from "./glue.js";
import module from "./selvedge_bg.wasm";

initSync({ module });
connect(poll, trap);

/** True from a trap to the next request; resetting at once would pull the stack from under it. */
let trapped = false;

const TRAPPED = Symbol("trapped");

function trap() {
  trapped = true;
  abandon(TRAPPED);
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

/** A response belongs to its request: each that waits on a trapped instance makes its own 503. */
const settle = (response) => (response === TRAPPED ? unavailable() : response);

export default {
  fetch(request, env, ctx) {
    try {
      if (trapped) {
        reset();
        trapped = false;
      }
      const answer = serve(request, ask(request), env, ctx);
      return answer instanceof Promise ? answer.then(settle, failed) : answer;
    } catch (fault) {
      return failed(fault);
    }
  },
};
