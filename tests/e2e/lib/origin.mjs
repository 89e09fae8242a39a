// A stub upstream for tests of actions: answers what the test says, and records what it was asked.

import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * What is answered, all of it optional:
 *
 *   status   200
 *   headers  name -> value or values; `Date` is added unless it is here
 *   body     text or bytes
 *   delay    milliseconds before the first byte
 *   drip     milliseconds between bytes
 *   length   what Content-Length says, true or not; the connection ends after the body
 *   cut      "before" the status line, or "within" the body: half of it, then a lost connection
 */
const ANSWER = { status: 200, headers: {}, body: "", delay: 0, drip: 0, length: null, cut: null };

/** How long a connection without a request is kept: none is lost between two requests of a test. */
const KEEP_ALIVE_MS = 60_000;

class Origin {
  constructor(server) {
    this.server = server;
    this.port = server.address().port;
    this.url = `http://127.0.0.1:${this.port}`;
    this.reset();
  }

  /** Forgets what was scripted and what was seen. */
  reset() {
    this.scripts = new Map();
    /** Requests in order: `{method, url, path, headers, rawHeaders, body}`. */
    this.seen = [];
  }

  /**
   * Scripts `path` (a path without its query, or "*" for all others): answers in turn, the last of
   * them for ever, or a function of the request and its number on this path, from 1.
   */
  on(path, ...answers) {
    const turn = (_, n) => answers[Math.min(n, answers.length) - 1];
    this.scripts.set(path, typeof answers[0] === "function" ? answers[0] : turn);
    return this;
  }

  /** Requests for `path`, in order; all of them without one. */
  asked(path = null) {
    return this.seen.filter((request) => path === null || request.path === path);
  }

  async handle(request, response) {
    const { method, url, headers, rawHeaders } = request;
    const path = url.split("?")[0];
    const seen = { method, url, path, headers, rawHeaders, body: null };
    this.seen.push(seen);
    const n = this.asked(path).length;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    seen.body = Buffer.concat(chunks);
    const script = this.scripts.get(path) ?? this.scripts.get("*");
    const answer = { ...ANSWER, ...(script ? await script(seen, n) : { status: 404 }) };
    await send(response, answer, method);
  }

  /** Ends, and every connection with it. */
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
  if (drip) await drop(response, bytes, drip);
  else response.write(bytes);
  if (length === null) response.end();
  // Node would keep a connection open whose response is shorter than it says.
  else response.socket?.end();
}

async function drop(response, bytes, ms) {
  for (const byte of bytes) {
    if (response.destroyed) return;
    response.write(Buffer.of(byte));
    await sleep(ms);
  }
}

/** Starts a stub upstream on a free port of 127.0.0.1. */
export function startOrigin() {
  return new Promise((resolved, rejected) => {
    const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
    server.on("error", rejected);
    server.listen(0, "127.0.0.1", () => {
      const origin = new Origin(server);
      server.on("request", (request, response) => {
        // A client that goes away ends its request, not the test.
        origin.handle(request, response).catch(() => response.destroy());
      });
      resolved(origin);
    });
  });
}
