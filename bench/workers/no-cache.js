// A cache that keeps nothing: every lookup is a miss.

export default {
  async fetch(request) {
    if (request.method === "PUT") {
      await request.arrayBuffer();
      return new Response(null, { status: 204 });
    }
    return new Response(null, { status: 504, headers: { "CF-Cache-Status": "MISS" } });
  },
};
