// Expands and judges the rows of tests/vectors/attacks.json: exact bytes out, then the predicates
// of the row, then what no response to anybody may ever do.

import { createHash, randomBytes } from "node:crypto";
import { parse, send } from "./client.mjs";
import { stateOf, uploadsOf } from "./fixture.mjs";

const latin1 = (text) => Buffer.from(text, "utf8").toString("latin1");

/** Each helper takes the text after its name and returns what stands in its place. */
const HELPERS = {
  repeat: (text) => {
    const colon = text.lastIndexOf(":");
    return text.slice(0, colon).repeat(Number(text.slice(colon + 1)));
  },
  series: (text) => {
    const [, item, count, separator] = text.match(/^([^]*?):(\d+)(?::([^}]*))?$/);
    return Array.from({ length: Number(count) }, (_, i) => item.replaceAll("$i", i)).join(
      separator ?? "",
    );
  },
  hseries: (text) => {
    const colon = text.lastIndexOf(":");
    const count = Number(text.slice(colon + 1));
    const item = text.slice(0, colon);
    return Array.from({ length: count }, (_, i) => item.replaceAll("$i", i)).join("\r\n");
  },
  upper: (text) => text.toUpperCase(),
  chop: (text) => text.slice(0, -1),
  first: (text) => text.slice(0, 1),
  fliplast: (text) => text.slice(0, -1) + (text.endsWith("0") ? "1" : "0"),
  unquote: (text) => text.replace(/^"|"$/g, ""),
  b64: (text) => Buffer.from(text, "latin1").toString("base64"),
  sha256: (text) => createHash("sha256").update(text, "latin1").digest("hex"),
  urlenc: (text) => encodeURIComponent(text),
  hostpct: (text) => text.replaceAll(".", "%2e"),
  hostfw: (text) => text.replaceAll(".", latin1("\uff0e")),
  pctfirst: (text) => `/%${text.charCodeAt(1).toString(16).padStart(2, "0")}${text.slice(2)}`,
  replace: (text) => {
    const [subject, from, to] = text.split(":");
    return subject.replace(from, to);
  },
  lit: (text) => text,
};

/** Expands `${NAME}` and then `{{helper:...}}`; `lengths` answers `{{len:...}}`. */
export function expand(text, places, lengths = {}) {
  for (let round = 0; round < 4; round += 1) {
    text = text
      .replace(/\$\{RANDOM\}/g, () => randomBytes(6).toString("hex"))
      .replace(/\$\{RANDINT\}/g, () => String(1 + Math.floor(Math.random() * 1e9)))
      .replace(/\$\{([A-Z_0-9]+)\}/g, (whole, name) => {
        if (!(name in places)) throw new Error(`no value for ${whole}`);
        return places[name];
      });
  }
  return text.replace(/\{\{([a-z0-9]+):([^]*?)\}\}/g, (whole, name, rest) => {
    if (name === "len") return String(lengths[rest] ?? whole);
    return HELPERS[name] ? HELPERS[name](rest) : whole;
  });
}

/** The exact bytes of a row's request. */
export function bytesOf(request, places) {
  if (request.raw !== undefined) {
    const text = expand(request.raw, places);
    const tail = text.slice(text.indexOf("\r\n\r\n") + 4);
    return Buffer.from(text.replaceAll("{{len:SMUG}}", String(tail.length)), "latin1");
  }
  const body = expand(request.body ?? "", places);
  const version = request.version ?? "HTTP/1.1";
  const lines = [`${expand(request.method, places)} ${expand(request.path, places)} ${version}`];
  const isChunked = request.headers.some(([name]) => name.toLowerCase() === "transfer-encoding");
  for (const [name, value] of request.headers) {
    if (isChunked && value.startsWith("{{len")) continue;
    const field = `${expand(name, places)}: ${expand(value, places, { body: body.length })}`;
    lines.push(name.startsWith("{{hseries") ? expand(name, places) : field);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`, "latin1");
}

function hostOf(request, places) {
  const host = request.headers.find(([name]) => name.toLowerCase() === "host");
  return host ? expand(host[1], places) : places.HOST_A;
}

const plain = (host) => host.split(":")[0].replace(/\.$/, "").toLowerCase();

/** Whether the Location, as a browser reads it, leaves the host that was asked. */
function leavesHost(response, request, places) {
  const location = response.headers.value("location");
  if (!location) return false;
  const cleaned = location
    .trim()
    .replace(/[\t\r\n]/g, "")
    .replaceAll("\\", "/");
  const host = plain(hostOf(request, places));
  try {
    return plain(new URL(cleaned, `http://${host}/`).host) !== host;
  } catch {
    return true;
  }
}

const pattern = (text) =>
  new RegExp(text.replace(/^\(\?i\)/, ""), text.startsWith("(?i)") ? "i" : "");

/** What the upstream of a row's action does, by name; the others are lists of answers in turn. */
const UPSTREAMS = {
  deception: ({ headers }) =>
    /session=/.test(headers.cookie ?? "")
      ? { headers: { "Cache-Control": "private, no-store" }, body: "PRIVATE-victim" }
      : { headers: { "Cache-Control": "max-age=600" }, body: "ANON" },
};

/** The script of a row's upstream; `$n` and `$cookie` in a body are the request's. */
function scripted(upstream, places) {
  if (UPSTREAMS[upstream]) return UPSTREAMS[upstream];
  return (request, n) => {
    const answer = upstream[Math.min(n, upstream.length) - 1];
    const headers = Object.entries(answer.headers ?? {}).map(([name, value]) => [
      name,
      expand(value, places),
    ]);
    const text = (answer.body ?? "")
      .replaceAll("$n", n)
      .replaceAll("$cookie", request.headers.cookie ?? "");
    const body = answer.base64 ? Buffer.from(answer.base64, "base64") : text;
    return { ...answer, headers: Object.fromEntries(headers), body };
  };
}

/** Whether predicate `p`, which is about the upstreams, holds; null for every other. */
function holdsUpstream(p, { origin, canary }, places) {
  if ("canary_hit" in p) return canary.seen.length > 0;
  if ("origin_hits" in p) return origin.seen.length === p.origin_hits;
  if ("origin_hit" in p) return origin.seen.some(({ path }) => pattern(p.origin_hit).test(path));
  if ("origin_saw_header" in p) {
    const [name, value] = p.origin_saw_header;
    const part = expand(value, places);
    return origin.seen.some(({ headers }) => (headers[name] ?? "").includes(part));
  }
  return null;
}

/** Whether a browser would run what it was sent under the site's name. */
function isActive({ status, headers }) {
  const type = headers.value("content-type") ?? "";
  const isSandboxed = /\bsandbox\b/.test(headers.value("content-security-policy") ?? "");
  const isDocument = /html|xml|svg/i.test(type) && !isSandboxed;
  return status === 200 && (isDocument || /(java|ecma|j|live)script/i.test(type));
}

/** Whether predicate `p` holds of a response; null where it is about something else. */
function holds(p, response, request, places, upstreams) {
  const { headers } = response;
  if ("body_contains" in p) return response.body.includes(expand(p.body_contains, places));
  if ("body_matches" in p) return pattern(p.body_matches).test(response.body);
  if ("body_len" in p) return response.body.length === p.body_len;
  if ("body_len_gt" in p) return response.body.length > p.body_len_gt;
  if ("header" in p) {
    const matches = pattern(expand(p.matches, places));
    return headers.lines.some(
      ([name, value]) => name === p.header.toLowerCase() && matches.test(value),
    );
  }
  if ("header_present" in p) return headers.has(p.header_present.toLowerCase());
  if ("header_absent" in p) return !headers.has(p.header_absent.toLowerCase());
  if ("status_in" in p) return p.status_in.includes(response.status);
  if ("location_offsite" in p) return leavesHost(response, request, places);
  if ("active_content_unsandboxed" in p) return isActive(response);
  if ("responses_gt" in p) return response.responses > p.responses_gt;
  return holdsUpstream(p, upstreams, places);
}

const LEAK = /panicked|RuntimeError|unreachable executed|wasm-function|stack: \/|\.rs:\d+/;
/** What the runtime answers by itself, before the worker is asked. */
const PLATFORM = [0, 400, 414, 431, 500, 501];

/** The complaints about one response, none when it is safe. */
function judge(expect, response, request, tenant, places, upstreams) {
  const bad = [];
  const isPlatform = PLATFORM.includes(response.status) && expect.status.includes(response.status);
  if (!expect.status.includes(response.status)) bad.push(`status ${response.status}`);
  for (const p of expect.must ?? []) {
    if (!isPlatform && holds(p, response, request, places, upstreams) === false)
      bad.push(`must ${JSON.stringify(p)}`);
  }
  for (const p of expect.must_not ?? []) {
    if (holds(p, response, request, places, upstreams) === true)
      bad.push(`must not ${JSON.stringify(p)}`);
  }
  for (const [mark, owner] of [
    ["MARK-A", "a"],
    ["MARK-B", "b"],
  ]) {
    if (response.body.includes(mark) && tenant !== owner && tenant !== "any")
      bad.push(`bytes of ${owner}`);
  }
  for (const secret of [places.TOKEN_A, places.TOKEN_B, places.ROOT_TOKEN]) {
    if (response.body.includes(secret)) bad.push("a token");
  }
  if (LEAK.test(response.body)) bad.push("the inside shows");
  if (response.headers.has("x-injected")) bad.push("an injected field");
  if (response.headers.has("set-cookie")) bad.push("a cookie");
  if (request.raw === undefined && response.ms > 3000) bad.push(`took ${response.ms} ms`);
  return bad;
}

const stored = async (worker) => (await stateOf(worker)) + (await uploadsOf(worker));

/** Whether a row says `name` of any of its answers. */
const says = (row, name) =>
  [row, ...(row.followup ?? [])].some(({ expect }) => expect.must_not.some((p) => name in p));

/** The complaints about what `count` requests cost the store and the cache. */
function judgeCost({ must_not: limits }, count, { serving, cachePuts }) {
  const costs = {
    storage_reads_per_request_gt: serving.length / count,
    cache_writes_per_request_gt: cachePuts.length / count,
  };
  return limits
    .flatMap((p) => Object.entries(p))
    .filter(([name, limit]) => costs[name] > limit)
    .map(([name]) => `must not ${name}: ${costs[name]}`);
}

/**
 * Sends one row and its follow-ups, then asks a clean question; returns all complaints. `upstreams`
 * are `{origin, canary}`: who answers the action, and who must never be asked.
 *
 * A row may have requests that come `first`, unjudged, each so many `times`; `repeat`, how often
 * its own is sent; and what the `shim` does meanwhile.
 */
export async function attack(worker, row, places, upstreams) {
  upstreams.origin.reset();
  if (row.upstream) upstreams.origin.on("*", scripted(row.upstream, places));
  const isWatched = row.repeat !== undefined || row.shim !== undefined;
  const state = says(row, "state_changed") ? await stored(worker) : null;
  const ask = async (request) => {
    const bytes = bytesOf(request, places);
    const answer = await send(worker.port, bytes, request.raw ? 1500 : 4000);
    return { ...parse(answer.bytes, request.method === "HEAD"), ms: answer.ms };
  };
  const judged = async ({ expect, request }) =>
    judge(expect, await ask(request), request, row.tenant, places, upstreams);

  for (const { request, times } of row.first ?? []) {
    for (let i = 0; i < times; i += 1) await ask(request);
  }
  if (isWatched) await worker.shim({ reset: true, ...row.shim });
  const bad = [];
  for (let i = 0; i < (row.repeat ?? 1); i += 1) bad.push(...(await judged(row)));
  if (row.repeat) bad.push(...judgeCost(row.expect, row.repeat, await worker.shim()));
  for (const next of row.followup ?? []) {
    bad.push(...(await judged(next)).map((text) => `afterwards: ${text}`));
  }
  if (isWatched) await worker.shim({ reset: true });
  const headers = [
    ["Host", "${HOST_A}"],
    ["Connection", "close"],
  ];
  const clean = await ask({ method: "GET", path: "/index.html", headers });
  if (clean.status !== 200 || !clean.body.includes("MARK-A-INDEX"))
    bad.push(`then a clean GET: ${clean.status}`);
  if (state !== null && (await stored(worker)) !== state) bad.push("what is stored changed");
  return bad;
}
