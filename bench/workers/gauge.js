// In front of the worker's entry module, where memory is measured: tells how much of it the wasm
// has, and collects garbage. The worker behind it is the one that users run.

const memories = [];

class Watched extends WebAssembly.Instance {
  constructor(...args) {
    super(...args);
    memories.push(this.exports.memory);
  }
}

WebAssembly.Instance = Watched;

// After the line above, so that the worker's own instance is seen.
const entry = await import("./index.mjs");

export default {
  fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.hostname !== "gauge") return entry.default.fetch(request, env, ctx);
    if (url.pathname === "/gc") globalThis.gc();
    return new Response(String(memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)));
  },
};
