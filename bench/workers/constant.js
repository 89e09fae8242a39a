// The lowest floor: a constant body and constant headers.

const body = new TextEncoder().encode("x".repeat(10_000));
const headers = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "public, max-age=0, s-maxage=86400, must-revalidate",
  etag: '"4ea7ed87eccf93ab868d80e194a8d5a8"',
};

export default {
  fetch() {
    return new Response(body, { headers });
  },
};
