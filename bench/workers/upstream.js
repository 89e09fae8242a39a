// The upstream of an action: a page with a lifetime of ten minutes.

const body = new TextEncoder().encode("x".repeat(10_000));

export default {
  fetch() {
    const headers = {
      "content-type": "text/html; charset=utf-8",
      "content-length": String(body.length),
      "cache-control": "public, max-age=600",
    };
    return new Response(body, { headers });
  },
};
