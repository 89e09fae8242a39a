// A worker that does nothing: what the runtime itself takes.

export default {
  fetch() {
    return new Response();
  },
};
