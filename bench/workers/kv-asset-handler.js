// `@cloudflare/kv-asset-handler` as in its documentation. KEYS maps a file to its key.

import { getAssetFromKV } from "@cloudflare/kv-asset-handler";

export default {
  async fetch(request, env, ctx) {
    const event = { request, waitUntil: (promise) => ctx.waitUntil(promise) };
    try {
      return await getAssetFromKV(event, {
        ASSET_NAMESPACE: env.STORE,
        ASSET_MANIFEST: env.KEYS,
        cacheControl: { bypassCache: env.BYPASS_CACHE === "true" },
      });
    } catch (error) {
      return new Response("not found", { status: error.status ?? 500 });
    }
  },
};
