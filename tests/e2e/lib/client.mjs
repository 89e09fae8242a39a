// HTTP clients: `get` for well-formed requests to any host, `wire` for exact bytes. Neither follows
// redirects, decodes bodies or changes paths.

import { Agent, request } from "node:http";
import { connect } from "node:net";

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

/** Headers that differ between identical responses. */
const VOLATILE = ["date", "age", "cache-status", "connection", "keep-alive"];

/** Headers in order, with lower-case names. */
export class HeaderList {
  constructor(raw) {
    this.lines = [];
    for (let i = 0; i < raw.length; i += 2) this.lines.push([raw[i].toLowerCase(), raw[i + 1]]);
  }

  /** The values of a name joined by commas, or null. */
  value(name) {
    const values = this.lines.filter(([key]) => key === name).map(([, value]) => value);
    return values.length ? values.join(", ") : null;
  }

  has(name) {
    return this.lines.some(([key]) => key === name);
  }

  /** The headers that identical responses share. */
  stable() {
    const lines = this.lines.filter(([name]) => !VOLATILE.includes(name));
    return Object.fromEntries(lines.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/**
 * Sends one request for `host` to the server at `port`; resolves to
 * `{status, headers, body, text}`. Rejects if the response is truncated.
 */
export function get(
  port,
  host,
  path,
  { method = "GET", headers = {}, body = null, timeoutMs = 20_000 } = {},
) {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, method, path, agent, timeout: timeoutMs };
    const sent = request({ ...options, headers: { host, ...headers } }, (response) => {
      const chunks = [];
      response.on("data", (chunk) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () => {
        const bytes = Buffer.concat(chunks);
        resolve({
          status: response.statusCode,
          headers: new HeaderList(response.rawHeaders),
          body: bytes,
          text: bytes.toString("utf8"),
        });
      });
    });
    sent.on("timeout", () => sent.destroy(new Error(`${method} ${host}${path}: timed out`)));
    sent.on("error", reject);
    sent.end(body);
  });
}

/** Parses JSON; returns null for anything else. */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * Sends exactly `bytes`; resolves to `{bytes, ms}`, all that is received until the connection
 * closes or is idle for `timeoutMs`. Never rejects.
 */
export function send(port, bytes, timeoutMs = 4000) {
  return new Promise((resolve) => {
    const since = Date.now();
    const socket = connect({ host: "127.0.0.1", port });
    let received = Buffer.alloc(0);
    const finish = () => {
      socket.destroy();
      resolve({ bytes: received, ms: received.length ? Date.now() - since : 0 });
    };
    socket.setTimeout(timeoutMs, finish);
    socket.on("error", finish);
    socket.on("close", finish);
    socket.on("connect", () => socket.write(bytes));
    socket.on("data", (data) => (received = Buffer.concat([received, data])));
  });
}

function unchunk(body) {
  const parts = [];
  for (;;) {
    const end = body.indexOf("\r\n");
    const size = end < 0 ? NaN : Number.parseInt(body.subarray(0, end).toString("latin1"), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(body.subarray(end + 2, end + 2 + size));
    body = body.subarray(end + 4 + size);
  }
}

/** Parses the first final response in `bytes`; its status is 0 if there is none. */
export function parse(bytes, isHead = false) {
  while (/^HTTP\/1\.[01] 100/.test(bytes.subarray(0, 12).toString("latin1"))) {
    bytes = bytes.subarray(bytes.indexOf("\r\n\r\n") + 4);
  }
  const responses = bytes.toString("latin1").match(/^HTTP\/1\.[01] (?!100)\d\d\d/gm)?.length ?? 0;
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return { status: 0, headers: new HeaderList([]), body: "", responses };
  const [line, ...fields] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const raw = fields.flatMap((field) => {
    const colon = field.indexOf(":");
    return [field.slice(0, colon).trim(), field.slice(colon + 1).trim()];
  });
  const headers = new HeaderList(raw);
  let body = bytes.subarray(end + 4);
  const length = headers.value("content-length");
  if (headers.value("transfer-encoding")?.includes("chunked")) body = unchunk(body);
  else if (length !== null) body = body.subarray(0, Number(length));
  const status = Number(line.split(" ")[1]) || 0;
  return { status, headers, body: isHead ? "" : body.toString("latin1"), responses };
}

/** Sends a request as exact latin-1 text; resolves to the parsed response. */
export async function wire(port, text, timeoutMs) {
  const { bytes, ms } = await send(port, Buffer.from(text, "latin1"), timeoutMs);
  return { ...parse(bytes, text.startsWith("HEAD ")), ms };
}
