// Runs inside the worker in front of its entry module: records its calls to the store, the cache
// and the media worker, and makes those to the store and the cache fail on request. Tests control
// it with requests to the host `shim`.

const state = {};
reset();

function reset() {
  Object.assign(state, {
    // Store operations of admin API requests in order: "put blob/...".
    ops: [],
    // Store operations of all other requests.
    serving: [],
    // Keys that were looked up or stored in the cache.
    cacheKeys: [],
    // Keys that were stored in the cache.
    cachePuts: [],
    // Responses of the media worker: their status, and the wasm instances it had by then.
    renders: [],
    // The runtime's rate limiter: "none", "throw", "pass" or "refuse".
    limit: "none",
    // Admin operation number `haltAt` (from 1) and all later ones never happen.
    haltAt: 0,
    halted: false,
    // The fraction of store reads that fail, and how: "throw" or "hang".
    failing: 0,
    failure: "throw",
    // "on", "empty", or "flaky": some entries vanish at each lookup.
    cache: state.cache ?? "on",
    seed: 1,
  });
}

/** Returns a repeatable random number in [0, 1) (mulberry32). */
function random() {
  state.seed = (state.seed + 0x6d2b79f5) | 0;
  let t = Math.imul(state.seed ^ (state.seed >>> 15), 1 | state.seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}

const STORE_METHODS = new Set(
  "get getWithMetadata head put delete list createMultipartUpload".split(" "),
);

async function before(operation, key, isAdmin) {
  const log = isAdmin ? state.ops : state.serving;
  log.push(`${operation} ${typeof key === "string" ? key : JSON.stringify(key ?? null)}`);
  if (isAdmin && state.haltAt && log.length >= state.haltAt) {
    state.halted = true;
    await scheduler.wait(15_000);
    throw new Error("halted");
  }
  if (state.failing && random() < state.failing) {
    if (state.failure === "hang") await scheduler.wait(15_000);
    throw new Error("injected");
  }
}

/** Wraps the binding `target` so that each of its operations calls `before` first. */
function watched(target, isAdmin) {
  return new Proxy(target, {
    get(object, name) {
      const value = object[name];
      if (typeof value !== "function") return value;
      if (name === "constructor") return value;
      if (!STORE_METHODS.has(name)) return value.bind(object);
      return async (...args) => {
        await before(name, args[0], isAdmin);
        return value.apply(object, args);
      };
    },
  });
}

/** Wraps the media worker so that its responses are recorded. */
const recorded = (media) => ({
  async fetch(...args) {
    const response = await media.fetch(...args);
    const instances = Number(response.headers.get("x-instances"));
    const modules = Number(response.headers.get("x-module-instances"));
    state.renders.push({ status: response.status, instances, modules });
    return response;
  },
});

const limiter = {
  async limit() {
    if (state.limit === "throw") throw new Error("injected");
    return { success: state.limit === "pass" };
  },
};

const realCaches = globalThis.caches;

const keyOf = (request) => (typeof request === "string" ? request : request.url);

function watchedCache(open) {
  return {
    async match(...args) {
      state.cacheKeys.push(keyOf(args[0]));
      if (state.cache === "empty") return undefined;
      const cache = await open();
      if (state.cache === "flaky" && random() < 0.4) {
        await cache.delete(args[0]);
        return undefined;
      }
      return cache.match(...args);
    },
    async put(...args) {
      state.cacheKeys.push(keyOf(args[0]));
      state.cachePuts.push(keyOf(args[0]));
      if (state.cache === "empty") return args[1]?.body?.cancel?.();
      return (await open()).put(...args);
    },
    async delete(...args) {
      return state.cache === "empty" ? false : (await open()).delete(...args);
    },
  };
}

const defaultCache = watchedCache(async () => realCaches.default);
Object.defineProperty(globalThis, "caches", {
  value: {
    default: defaultCache,
    open: async (name) => watchedCache(() => realCaches.open(name)),
  },
  configurable: true,
});

// Imported after the caches were replaced, so that the worker sees only the replacements.
const entry = await import("./index.mjs");

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (url.hostname === "shim") {
      if (request.method === "POST") {
        const settings = await request.json();
        if (settings.reset) reset();
        Object.assign(state, settings);
      }
      return Response.json(state);
    }
    const isAdmin = url.pathname.startsWith("/.selvedge/");
    const wrapped = { ...env };
    for (const name of ["BUCKET", "STORE_KV"]) {
      if (env[name]) wrapped[name] = watched(env[name], isAdmin);
    }
    if (env.MEDIA) wrapped.MEDIA = recorded(env.MEDIA);
    if (state.limit !== "none") wrapped.FRESH_LIMIT = limiter;
    return entry.default.fetch(request, wrapped, ctx);
  },
};
