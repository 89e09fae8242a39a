// What wasm asks of JavaScript beyond the runtime's own API. wasm-bindgen copies
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
  const { headers, cookies, encodeBody } = blocks.get(block) ?? remember(block);
  const response = new Response(body, { status, headers, encodeBody });
  for (const cookie of cookies) response.headers.append("set-cookie", cookie);
  return response;
}

/**
 * Header blocks that were taken apart already. Within a second the same asset has the same block,
 * to the letter; they are forgotten together when there are this many.
 */
const blocks = new Map();
const BLOCKS_MAX = 128;

function remember(block) {
  const parts = block.split("\n");
  const headers = {};
  const cookies = [];
  let encodeBody = "automatic";
  for (let i = 0; i + 1 < parts.length; i += 2) {
    const name = parts[i];
    if (name === "set-cookie") {
      cookies.push(parts[i + 1]);
      continue;
    }
    if (name === "content-encoding") encodeBody = "manual";
    headers[name] = parts[i + 1];
  }
  if (blocks.size >= BLOCKS_MAX) blocks.clear();
  const apart = { headers, cookies, encodeBody };
  blocks.set(block, apart);
  return apart;
}

/**
 * Returns all that serving may read of a request, a line each: the method, the URL, and the header
 * fields in the order of `Field::ALL`; an absent one is an empty line. One string crosses instead
 * of a dozen, most of which say that there is nothing.
 */
export function ask(request) {
  const headers = request.headers;
  let sent = headers.get("accept-encoding");
  // Cloudflare rewrites the field to this and keeps what the client sent in `cf`, which is parsed
  // when it is first touched: only where it can make a difference.
  if (sent === "br, gzip" || sent === "gzip, br") {
    sent = request.cf?.clientAcceptEncoding ?? sent;
  }
  return `${request.method}\n${request.url}\n${line(headers.get("accept"))}\n${line(sent)}\n${
    line(headers.get("authorization"))}\n${line(headers.get("content-length"))}\n${
    line(headers.get("host"))}\n${line(headers.get("if-match"))}\n${
    line(headers.get("if-modified-since"))}\n${line(headers.get("if-none-match"))}\n${
    line(headers.get("if-range"))}\n${line(headers.get("if-unmodified-since"))}\n${
    line(headers.get("range"))}\n${line(headers.get("sec-fetch-mode"))}`;
}

const line = (value) => value ?? "";

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
