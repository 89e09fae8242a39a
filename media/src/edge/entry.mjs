// The module that the runtime loads: it reads bodies, connects the wasm module with those that draw
// and encode, and replaces its instance after a trap, because its memory can't be trusted then. It
// decides nothing else.

import { __wbg_reset_state as reset, initSync } from "./selvedge_media.js";
import { body_bytes as bodyBytes, memory_bytes as memoryBytes, render } from "./selvedge_media.js";
import { admitted } from "./load.mjs";
import { encodeAvif } from "./modules/avif.mjs";
import { drawSvg, drawText, svgSize } from "./modules/drawing.mjs";
import { instantiated } from "./modules/kept.mjs";
import { encodeWebp } from "./modules/webp.mjs";
import module from "./selvedge_media_bg.wasm";

const READ_MS_MAX = 10_000;
/** Linear memory never shrinks: beyond this, the instance is replaced. */
const MEMORY_BYTES_MAX = 64 * 1024 * 1024;

const DRAWING = {
  drawSvg,
  drawText: (svg, font, width, height, x, y) => drawText(svg, font, width, height, { x, y }),
  svgSize,
};
const ENCODERS = { encodeAvif, encodeWebp };

/** Statuses of `RenderError`, in src/site/media/plan.rs. */
const BAD_PLAN = 400;
const UNSUPPORTED = 415;
const TOO_COMPLEX = 422;
const BUSY = 503;

/** An error with the status of a response. */
class Refused extends Error {
  constructor(status) {
    super(String(status));
    this.status = status;
  }
}

/** Number of wasm instances so far. */
let instances = 0;
/** True without an instance, and from a trap to the next call, to keep its stack meanwhile. */
let isSpent = true;

/** Calls a function of the wasm instance. A trap is a refusal, too. */
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
    if (typeof fault === "number") throw new Refused(fault);
    console.error(fault);
    isSpent = true;
    throw new Refused(UNSUPPORTED);
  }
}

async function read(request, bytes) {
  const late = scheduler.wait(READ_MS_MAX).then(() => Promise.reject(new Refused(BUSY)));
  const body = await Promise.race([request.arrayBuffer(), late]);
  if (body.byteLength !== bytes) throw new Refused(BAD_PLAN);
  return new Uint8Array(body);
}

/** Calls a function of another module, which may refuse its input. */
async function ask(work, ...args) {
  try {
    return await work(...args);
  } catch (fault) {
    if (!("isComplex" in fault)) console.error(fault);
    throw new Refused(fault.isComplex ? TOO_COMPLEX : UNSUPPORTED);
  }
}

/** Resolves to a rendition: `[type, timing, bytes]`. */
async function made(query, body) {
  const answers = [];
  for (;;) {
    const [next, ...args] = call(render, query, body, answers);
    if (next === "done") return args;
    if (next in DRAWING) {
      answers.push(await ask(DRAWING[next], ...args));
      continue;
    }
    // Frees the memory of the body: an encoder may need as much.
    body.buffer.transfer(0);
    const [type, timing, ...image] = args;
    const since = Date.now();
    const bytes = await ask(ENCODERS[next], ...image);
    return [type, `${timing}, module;dur=${Date.now() - since}`, bytes];
  }
}

async function answer(request) {
  const { pathname, search } = new URL(request.url);
  if (request.method !== "POST" || pathname !== "/render") throw new Refused(404);
  const query = search.slice(1);
  const length = call(bodyBytes, query);
  return admitted(length, new Refused(BUSY), async () => {
    const [type, timing, bytes] = await made(query, await read(request, length));
    const headers = { "content-length": String(bytes.length), "content-type": type };
    return new Response(bytes, { headers: { ...headers, "server-timing": timing } });
  });
}

export default {
  async fetch(request, env) {
    const response = await answer(request).catch((fault) => {
      // Else the body broke off.
      return new Response(null, { status: fault.status ?? BAD_PLAN });
    });
    isSpent ||= memoryBytes() > MEMORY_BYTES_MAX;
    // For tests.
    if (env.SHOWS_INSTANCES) {
      response.headers.set("x-instances", String(instances));
      response.headers.set("x-module-instances", String(instantiated()));
    }
    return response;
  },
};
