// The floor of workers that keep responses in the Cache API: one lookup.

const body = new TextEncoder().encode("x".repeat(10_000));
const headers = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "public, max-age=600",
};

export default {
  async fetch(request) {
    const found = await caches.default.match(request.url);
    if (found) return found;
    const response = new Response(body, { headers });
    await caches.default.put(request.url, response.clone());
    return response;
  },
};
