// The cache of every contestant: the same one that the end-to-end tests use, but that it answers a
// condition with a 304, as the platform's does, which kv-asset-handler leaves conditions to.

import cache from "over.js";

/** An entity tag as it counts in a weak comparison (RFC 9110, 8.8.3.2). */
const opaque = (etag) => etag?.replace(/^W\//, "");

export default {
  async fetch(request) {
    const found = await cache.fetch(request);
    const etag = opaque(request.headers.get("if-none-match"));
    if (request.method !== "GET" || !etag || etag !== opaque(found.headers.get("etag"))) {
      return found;
    }
    return new Response(null, { status: 304, headers: found.headers });
  },
};
