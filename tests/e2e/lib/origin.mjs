// A scripted upstream, which records the requests that it gets.

import { createServer } from "node:http";
import { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * The defaults of a scripted response:
 *
 *   headers  name -> value or values; `Date` is added unless it is here
 *   body     text or bytes
 *   delay    milliseconds before the first byte
 *   drip     milliseconds between bytes
 *   length   Content-Length, true or not; the connection ends after the body
 *   cut      drops the connection "before" the status line, or "within" the body after half of it
 */
const RESPONSE = { status: 200, headers: {}, body: "", delay: 0, drip: 0, length: null, cut: null };

/** Long enough that no connection closes between two requests of a test. */
const KEEP_ALIVE_MS = 60_000;

export class Origin {
  constructor() {
    this.reset();
  }

  /** Starts on a free port of 127.0.0.1. */
  async start() {
    this.server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      // The worker may drop the connection.
      this.handle(request, response).catch(() => response.destroy());
    });
    await new Promise((resolved, rejected) => {
      this.server.on("error", rejected).listen(0, "127.0.0.1", resolved);
    });
    this.port = this.server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  /** Forgets all scripts and requests. */
  reset() {
    this.scripts = new Map();
    /** Requests in order: `{method, url, path, headers, body}`. */
    this.seen = [];
  }

  /**
   * Scripts `path` (without a query, or "*" for all others): responses in turn, the last of which
   * repeats, or a function of the request and its number on this path, from 1.
   */
  on(path, ...responses) {
    const turn = (_, n) => responses[Math.min(n, responses.length) - 1];
    this.scripts.set(path, typeof responses[0] === "function" ? responses[0] : turn);
    return this;
  }

  /** The requests for `path` in order, or all. */
  asked(path = null) {
    return this.seen.filter((request) => path === null || request.path === path);
  }

  async handle(request, response) {
    const { method, url, headers } = request;
    const path = url.split("?")[0];
    const seen = { method, url, path, headers, body: null };
    this.seen.push(seen);
    const n = this.asked(path).length;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    seen.body = Buffer.concat(chunks);
    const script = this.scripts.get(path) ?? this.scripts.get("*");
    const scripted = script ? await script(seen, n) : { status: 404 };
    await send(response, { ...RESPONSE, ...scripted }, method);
  }

  stop() {
    const ended = new Promise((resolved) => this.server.close(resolved));
    this.server.closeAllConnections();
    return ended;
  }
}

async function send(response, { status, headers, body, delay, drip, length, cut }, method) {
  const bytes = Buffer.from(body);
  if (delay) await sleep(delay);
  if (response.destroyed) return;
  if (cut === "before") return void response.destroy();
  const isBodiless = method === "HEAD" || status === 204 || status === 304;
  if (!isBodiless) response.setHeader("Content-Length", length ?? bytes.length);
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.writeHead(status);
  if (isBodiless) return void response.end();
  if (cut === "within") {
    response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy());
    return;
  }
  if (drip) await sendSlowly(response, bytes, drip);
  else response.write(bytes);
  if (length === null) response.end();
  // Node would keep the connection open after a response that is shorter than declared.
  else response.socket?.end();
}

async function sendSlowly(response, bytes, ms) {
  for (const byte of bytes) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await sleep(ms);
  }
}

/** An upstream that runs during the enclosing suite. */
export function suiteOrigin() {
  const origin = new Origin();
  before(() => origin.start());
  after(() => origin.stop());
  return origin;
}
