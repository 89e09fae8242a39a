// What wasm asks of JavaScript beyond the runtime's own API. wasm-bindgen copies
// this module beside its output, and the entry module imports that same copy, so that both see
// the same tasks.

/**
 * Returns a Response built in one crossing.
 *
 * `block` holds the header fields as "name\nvalue\nname\nvalue"; neither part can hold a line
 * feed. `body` is null for HEAD, 204, 205, 304.
 */
export function respond(status, block, body) {
  const { headers, encodeBody } = again(block) ?? remember(block);
  return new Response(body, { status, headers, encodeBody });
}

/**
 * Header blocks that were taken apart already. Within a second the same asset has the same block,
 * to the letter; they are forgotten together when there are this many.
 */
const blocks = new Map();
const BLOCKS_MAX = 512;

/**
 * A block that was there before. A Response copies the runtime's own `Headers` for half of what it
 * costs to read an object, but making them costs as much again: worth it from the second time on.
 */
function again(block) {
  const apart = blocks.get(block);
  if (apart && !(apart.headers instanceof Headers)) apart.headers = new Headers(apart.headers);
  return apart;
}

function remember(block) {
  const parts = block.split("\n");
  let headers = {};
  const cookies = [];
  for (let i = 0; i + 1 < parts.length; i += 2) {
    if (parts[i] === "set-cookie") cookies.push(parts[i + 1]);
    else headers[parts[i]] = parts[i + 1];
  }
  const encodeBody = "content-encoding" in headers ? "manual" : "automatic";
  if (cookies.length) headers = new Headers(headers);
  for (const cookie of cookies) headers.append("set-cookie", cookie);
  if (blocks.size >= BLOCKS_MAX) blocks.clear();
  const apart = { headers, encodeBody };
  blocks.set(block, apart);
  return apart;
}

/**
 * Returns what serving reads of every request, a line each: the method, the URL, and the header
 * fields in the order of `Field::USUAL`; an absent one is an empty line. One string crosses instead
 * of many, most of which say that there is nothing.
 */
export function ask(request) {
  const headers = request.headers;
  let sent = headers.get("accept-encoding");
  // Cloudflare rewrites the field to this and keeps what the client sent in `cf`, which is parsed
  // when it is first touched: only where it can make a difference.
  if (sent === "br, gzip" || sent === "gzip, br") {
    sent = request.cf?.clientAcceptEncoding ?? sent;
  }
  return `${request.method}\n${request.url}\n${line(sent)}\n${line(headers.get("host"))}\n${
    line(headers.get("if-match"))}\n${line(headers.get("if-modified-since"))}\n${
    line(headers.get("if-none-match"))}\n${line(headers.get("if-unmodified-since"))}\n${
    line(headers.get("range"))}`;
}

/** Returns a header field that few requests are read for; empty when it is absent. */
export function header(request, name) {
  return line(request.headers.get(name));
}

const line = (value) => value ?? "";

/** The tasks of this instance that wait, by number: how each is fulfilled, and its timer. */
let tasks = new Map();
/** Goes up when the instance is replaced: what an earlier one waited for wakes nobody. */
let generation = 0;
let rouse = null;
let trapped = null;

/** Says who wakes a task, and who hears of a trap. */
export function connect(wake, onTrap) {
  rouse = wake;
  trapped = onTrap;
}

/** Called by the wasm panic hook, while the instance is still on the stack. */
export function panicked() {
  trapped?.();
}

/** Gives up all tasks: their promises are fulfilled with `value`, and nothing wakes them. */
export function abandon(value) {
  generation += 1;
  const given = tasks;
  tasks = new Map();
  for (const { fulfil } of given.values()) fulfil?.(value);
}

/** Returns the promise of a task. */
export function promised(task) {
  return new Promise((fulfil) => (waiting(task).fulfil = fulfil));
}

function waiting(task) {
  const known = tasks.get(task);
  if (known) return known;
  const made = { fulfil: undefined, timer: undefined };
  tasks.set(task, made);
  return made;
}

/** Ends a task: its timer is stopped, and its promise fulfilled where it has one. */
export function finish(task, value) {
  const { fulfil, timer } = waiting(task);
  tasks.delete(task);
  // One that is left running costs a tenth of a read of the store.
  clearTimeout(timer);
  fulfil?.(value);
}

/** Forgets a task of a request that is gone, and its timer with it. */
export function forget(task) {
  tasks.delete(task);
}

/** Wakes a task when a promise settles. */
export function wait(promise, task, slot) {
  const born = generation;
  promise.then(
    (value) => wake(born, task, slot, true, value),
    (error) => wake(born, task, slot, false, error),
  );
}

/** Wakes a task after `ms`, and not when it was to be woken before. */
export function timer(ms, task) {
  const state = waiting(task);
  clearTimeout(state.timer);
  state.timer = setTimeout(wake, ms, generation, task, TIMER, true);
}

/** Wakes a task when what runs now has come to a stop. */
export function soon(task) {
  const born = generation;
  queueMicrotask(() => wake(born, task, TIMER, true));
}

/** The slot that stands for no promise. */
const TIMER = 0;

function wake(born, task, slot, isFulfilled, value) {
  if (born !== generation) return;
  try {
    rouse(task, slot, isFulfilled, value);
  } catch (fault) {
    console.error(fault);
    trapped();
  }
}

/** Returns all header fields of a request, two lines each: the name, lower-case, and the value. */
export function fields(request) {
  let block = "";
  for (const [name, value] of request.headers) block += `${name}\n${value}\n`;
  return block;
}

/** Returns what an error is to us: 1 for a busy store, 2 for a late upstream, else 0. */
export function fault(error) {
  // KV says `KV GET failed: 429` when it is asked too often.
  if (/^KV .*429/.test(error?.message)) return 1;
  return error?.name === "TimeoutError" ? 2 : 0;
}

/** Resolves to whether a rate limiter lets a request pass; to nothing where there is none. */
export async function limit(env, name, key) {
  return (await env[name]?.limit({ key }))?.success;
}

/**
 * Asks an upstream: a service binding, or the network where `service` is undefined. Resolves to the
 * response, described, and its body, guarded; to null if the binding is missing. Rejects with a
 * `TimeoutError` when the response does not begin in time. Redirects are not followed, bodies are
 * not decoded, and nothing on the way keeps a copy.
 */
export async function forward(env, service, url, method, block, body, timeoutMs, idleMs) {
  const fetcher = service === undefined ? globalThis : env[service];
  if (typeof fetcher !== "object" || fetcher === null) return null;
  const parts = block.split("\n");
  const headers = new Headers();
  for (let i = 0; i + 1 < parts.length; i += 2) headers.append(parts[i], parts[i + 1]);
  const controller = new AbortController();
  const late = new DOMException("the upstream did not answer in time", "TimeoutError");
  const timer = setTimeout(() => controller.abort(late), timeoutMs);
  try {
    const init = {
      method,
      headers,
      body,
      redirect: "manual",
      signal: controller.signal,
      encodeResponseBody: "manual",
      cf: { cacheTtl: -1 },
    };
    const response = await fetcher.fetch(url, init);
    return [describe(response), response.body && guard(response, idleMs)];
  } finally {
    clearTimeout(timer);
  }
}

/** Returns the status and the header fields of a response, as "status\nname\nvalue\n...". */
function describe(response) {
  let block = `${response.status}\n`;
  for (const [name, value] of response.headers) {
    if (name !== "set-cookie") block += `${name}\n${value}\n`;
  }
  for (const cookie of response.headers.getSetCookie()) block += `set-cookie\n${cookie}\n`;
  return block;
}

/**
 * Returns the body of a response, which ends in an error when it pauses for longer than `idleMs`
 * or has another length than the response says, where that is below 4 GiB.
 */
function guard({ body, headers }, idleMs) {
  const length = headers.get("content-length");
  const isKnown = /^\d+$/.test(length) && length < 2 ** 32;
  const through = isKnown ? new FixedLengthStream(Number(length)) : new IdentityTransformStream();
  pump(body.getReader(), through.writable.getWriter(), idleMs);
  return through.readable;
}

async function pump(reader, writer, idleMs) {
  const late = new DOMException("the body paused for too long", "TimeoutError");
  try {
    for (;;) {
      let timer;
      const pause = new Promise((_, reject) => (timer = setTimeout(reject, idleMs, late)));
      const { done, value } = await Promise.race([reader.read(), pause]).finally(() =>
        clearTimeout(timer),
      );
      if (done) break;
      await writer.write(value);
    }
    await writer.close();
  } catch (error) {
    // Either side may be gone already: whoever is left hears of it.
    reader.cancel(error).catch(() => {});
    writer.abort(error).catch(() => {});
  }
}

/** Resolves to all of a body; to null when it is longer than `bytesMax`, its rest unread. */
export async function hold(body, bytesMax) {
  const chunks = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.byteLength;
    if (length > bytesMax) return null;
    chunks.push(chunk);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole.buffer;
}

/** Resolves to the SHA-256 of a buffer, as a buffer. */
export async function sha256(buffer) {
  return crypto.subtle.digest("SHA-256", buffer);
}

/**
 * Gives the memory of a buffer back. V8 does not see how much hangs on its garbage: reading the
 * manifest of a million paths in pieces left four times of it lying about.
 */
export function release(buffer) {
  buffer.transfer?.(0);
}

/** Returns `length` bytes of a body, beginning with the one at `first`. */
export function cut(body, first, length) {
  const through = new FixedLengthStream(length);
  slice(body.getReader(), through.writable.getWriter(), first, first + length);
  return through.readable;
}

async function slice(reader, writer, first, end) {
  try {
    for (let at = 0; at < end; ) {
      const { done, value } = await reader.read();
      if (done) break;
      const part = value.subarray(Math.max(first - at, 0), Math.max(end - at, 0));
      if (part.byteLength) await writer.write(part);
      at += value.byteLength;
    }
    reader.cancel().catch(() => {});
    await writer.close();
  } catch (error) {
    reader.cancel(error).catch(() => {});
    writer.abort(error).catch(() => {});
  }
}
