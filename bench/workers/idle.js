// A worker that does nothing, to measure the runtime itself.

export default {
  fetch() {
    return new Response();
  },
};
