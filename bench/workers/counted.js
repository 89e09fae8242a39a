// The store of every contestant: the same one that the end-to-end tests use, and a count of the
// requests that it got.

import store from "kv.js";

let requests = 0;

export default {
  fetch(request) {
    if (new URL(request.url).pathname === "/.requests") return new Response(String(requests));
    requests += 1;
    return store.fetch(request);
  },
};
