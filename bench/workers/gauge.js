// Runs in front of the worker's entry module to report the size of the wasm's memory and to collect
// garbage. The worker itself is unchanged.

const memories = [];

class Watched extends WebAssembly.Instance {
  constructor(...args) {
    super(...args);
    memories.push(this.exports.memory);
  }
}

WebAssembly.Instance = Watched;

// Imported after the replacement, so that it sees the worker's instance.
const entry = await import("./index.mjs");

export default {
  fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.hostname !== "gauge") return entry.default.fetch(request, env, ctx);
    if (url.pathname === "/gc") globalThis.gc();
    return new Response(String(memories.reduce((sum, { buffer }) => sum + buffer.byteLength, 0)));
  },
};
