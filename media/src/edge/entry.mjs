// The module that the runtime loads: it reads bodies, and replaces the wasm instance after a trap,
// because its memory can't be trusted then. It decides nothing else.

import { __wbg_reset_state as reset, initSync } from "./selvedge_media.js";
import { body_bytes as bodyBytes, memory_bytes as memoryBytes, render } from "./selvedge_media.js";
import { admitted } from "./load.mjs";
import module from "./selvedge_media_bg.wasm";

const READ_MS_MAX = 10_000;
/** Linear memory never shrinks: beyond this, the instance is replaced. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;

/** Statuses of `RenderError`, in src/site/media/plan.rs. */
const BAD_PLAN = 400;
const UNSUPPORTED = 415;
const BUSY = 503;

/** Number of wasm instances so far. */
let instances = 0;
/** True without an instance, and from a trap to the next call, to keep its stack meanwhile. */
let isSpent = true;

/** Calls a function of the wasm instance, which throws a status. A trap is one, too. */
function call(work, ...args) {
  if (isSpent) {
    if (instances === 0) initSync({ module });
    else reset();
    instances += 1;
    isSpent = false;
  }
  try {
    return work(...args);
  } catch (fault) {
    if (typeof fault === "number") throw fault;
    console.error(fault);
    isSpent = true;
    throw UNSUPPORTED;
  }
}

async function read(request, bytes) {
  const late = scheduler.wait(READ_MS_MAX).then(() => Promise.reject(BUSY));
  const body = await Promise.race([request.arrayBuffer(), late]);
  if (body.byteLength !== bytes) throw BAD_PLAN;
  return new Uint8Array(body);
}

async function rendered(request, plan) {
  const bytes = call(bodyBytes, plan);
  return admitted(bytes, BUSY, async () => {
    const body = await read(request, bytes);
    const [rendition, type, timing] = call(render, plan, body);
    isSpent = memoryBytes() > MEMORY_BYTES_MAX;
    const length = String(rendition.length);
    return new Response(rendition, {
      headers: { "content-length": length, "content-type": type, "server-timing": timing },
    });
  });
}

async function answer(request) {
  const { pathname, search } = new URL(request.url);
  if (request.method !== "POST" || pathname !== "/render") return new Response(null, { status: 404 });
  try {
    return await rendered(request, decodeURIComponent(search.slice(1)));
  } catch (fault) {
    // Else the plan is malformed, or the body broke off.
    return new Response(null, { status: typeof fault === "number" ? fault : BAD_PLAN });
  }
}

export default {
  async fetch(request, env) {
    const response = await answer(request);
    // For tests.
    if (env.SHOWS_INSTANCES) response.headers.set("x-instances", String(instances));
    return response;
  },
};
