// The floor of workers that keep files in R2: one read.

const headers = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "public, max-age=0, s-maxage=86400, must-revalidate",
  etag: '"4ea7ed87eccf93ab868d80e194a8d5a8"',
};

export default {
  async fetch(request, env) {
    const object = await env.BUCKET.get(new URL(request.url).pathname.slice(1));
    if (object === null) return new Response("not found", { status: 404 });
    return new Response(object.body, { headers });
  },
};
