// The two things that wasm asks of JavaScript beyond the runtime's own API. wasm-bindgen copies
// this module beside its output, and the entry module imports that same copy, so that both see
// one `onPanic`.

/**
 * Returns a Response built in one crossing.
 *
 * `block` holds the header fields as "name\nvalue\nname\nvalue"; neither part can hold a line
 * feed. `body` is null for HEAD, 204, 205, 304. An object literal is the fastest of the ways to
 * hand headers to workerd (measured against pairs, `Headers.set` and `Headers.append`).
 */
export function respond(status, block, body) {
  const parts = block.split("\n");
  const headers = {};
  let cookies = null;
  let encodeBody = "automatic";
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const name = parts[i];
    if (name === "set-cookie") {
      (cookies ??= []).push(parts[i + 1]);
      continue;
    }
    if (name === "content-encoding") encodeBody = "manual";
    headers[name] = parts[i + 1];
  }
  const response = new Response(body, { status, headers, encodeBody });
  if (cookies) for (const cookie of cookies) response.headers.append("set-cookie", cookie);
  return response;
}

/** Called by the wasm panic hook, while the instance is still on the stack. */
export function panicked(message) {
  console.error(message);
  listener?.();
}

let listener = null;

/** Registers the one function that hears of panics. */
export function onPanic(callback) {
  listener = callback;
}
