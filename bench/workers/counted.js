// Counts the requests to a store.

import store from "over.js";

let requests = 0;

export default {
  fetch(request) {
    if (new URL(request.url).pathname === "/.requests") return new Response(String(requests));
    requests += 1;
    return store.fetch(request);
  },
};
