// The cache of every contestant: that of the end-to-end tests, but it evaluates conditions, as the
// platform's does. kv-asset-handler relies on that.

import cache from "over.js";

/** Prepares an entity tag for a weak comparison (RFC 9110 section 8.8.3.2). */
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
