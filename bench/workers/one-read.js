// The floor of workers that keep files in KV: one read.

const headers = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "public, max-age=0, s-maxage=86400, must-revalidate",
  etag: '"4ea7ed87eccf93ab868d80e194a8d5a8"',
};

export default {
  async fetch(request, env) {
    const key = new URL(request.url).pathname.slice(1);
    const body = await env.STORE.get(key, "stream");
    if (body === null) return new Response("not found", { status: 404 });
    return new Response(body, { headers });
  },
};
