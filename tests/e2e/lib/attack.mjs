// Runs the rows of tests/vectors/attacks.json: sends the exact bytes of a row, checks its
// predicates, and checks the rules that hold for every response.

import { randomBytes } from "node:crypto";
import { parse, send } from "./client.mjs";
import { stateOf, uploadsOf } from "./fixture.mjs";

const latin1 = (text) => Buffer.from(text, "utf8").toString("latin1");

/** Functions of `{{name:text}}`, which return the replacement. */
const HELPERS = {
  repeat: (text) => {
    const colon = text.lastIndexOf(":");
    return text.slice(0, colon).repeat(Number(text.slice(colon + 1)));
  },
  series: (text) => {
    const [, item, count, separator] = text.match(/^([^]*?):(\d+)(?::([^}]*))?$/);
    const items = Array.from({ length: Number(count) }, (_, i) => item.replaceAll("$i", i));
    return items.join(separator ?? "");
  },
  upper: (text) => text.toUpperCase(),
  first: (text) => text.slice(0, 1),
  b64: (text) => Buffer.from(text, "latin1").toString("base64"),
  urlenc: (text) =>
    text.replace(/[^A-Za-z0-9._~-]/g, (char) => {
      return `%${char.charCodeAt(0).toString(16).padStart(2, "0")}`;
    }),
  hostfw: (text) => text.replaceAll(".", latin1("\uff0e")),
  pctfirst: (text) => `/%${text.charCodeAt(1).toString(16).padStart(2, "0")}${text.slice(2)}`,
  replace: (text) => {
    const [subject, from, to] = text.split(":");
    return subject.replace(from, to);
  },
};

/** Expands `${NAME}` and then `{{helper:...}}`; `lengths` are the values of `{{len:...}}`. */
function expand(text, places, lengths = {}) {
  for (let round = 0; round < 4; round += 1) {
    text = text
      .replace(/\$\{RANDOM\}/g, () => randomBytes(6).toString("hex"))
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

/** Returns the exact bytes of a row's request. */
function bytesOf(request, places) {
  if (request.raw !== undefined) return Buffer.from(expand(request.raw, places), "latin1");
  const body = expand(request.body ?? "", places);
  const version = request.version ?? "HTTP/1.1";
  const lines = [`${expand(request.method, places)} ${expand(request.path, places)} ${version}`];
  const isChunked = request.headers.some(([name]) => name.toLowerCase() === "transfer-encoding");
  for (const [name, value] of request.headers) {
    if (isChunked && value.startsWith("{{len")) continue;
    lines.push(`${expand(name, places)}: ${expand(value, places, { body: body.length })}`);
  }
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`, "latin1");
}

function hostOf(request, places) {
  const host = request.headers.find(([name]) => name.toLowerCase() === "host");
  return host ? expand(host[1], places) : places.HOST_A;
}

const plain = (host) => host.split(":")[0].replace(/\.$/, "").toLowerCase();

/** Whether a browser that follows the Location leaves the requested host. */
function leavesHost(response, request, places) {
  const location = response.headers.value("location");
  if (!location) return false;
  const cleaned = location.trim().replace(/[\t\r\n]/g, "").replaceAll("\\", "/");
  const host = plain(hostOf(request, places));
  try {
    return plain(new URL(cleaned, `http://${host}/`).host) !== host;
  } catch {
    return true;
  }
}

const pattern = (text) =>
  new RegExp(text.replace(/^\(\?i\)/, ""), text.startsWith("(?i)") ? "i" : "");

/** Upstreams that rows refer to by name. Other rows list responses in turn. */
const UPSTREAMS = {
  deception: ({ headers }) =>
    /session=/.test(headers.cookie ?? "")
      ? { headers: { "Cache-Control": "private, no-store" }, body: "PRIVATE-victim" }
      : { headers: { "Cache-Control": "max-age=600" }, body: "ANON" },
};

/** Returns the script of a row's upstream; `$n` and `$cookie` in a body refer to the request. */
function scripted(upstream, places) {
  if (UPSTREAMS[upstream]) return UPSTREAMS[upstream];
  return (request, n) => {
    const { headers = {}, body = "", base64, ...rest } = upstream[Math.min(n, upstream.length) - 1];
    const expanded = Object.entries(headers).map(([name, value]) => [name, expand(value, places)]);
    const text = body.replaceAll("$n", n).replaceAll("$cookie", request.headers.cookie ?? "");
    return {
      ...rest,
      headers: Object.fromEntries(expanded),
      body: base64 ? Buffer.from(base64, "base64") : text,
    };
  };
}

/** Whether a browser would run the response in the site's origin. */
function isActive({ status, headers }) {
  const type = headers.value("content-type") ?? "";
  const isSandboxed = /\bsandbox\b/.test(headers.value("content-security-policy") ?? "");
  const isDocument = /html|xml|svg/i.test(type) && !isSandboxed;
  return status === 200 && (isDocument || /(java|ecma|j|live)script/i.test(type));
}

/** Evaluates predicate `p` on a response; null if it is about something else. */
function holds(p, response, request, places, { origin, canary }) {
  const { body, headers } = response;
  if ("body_contains" in p) return body.includes(expand(p.body_contains, places));
  if ("body_matches" in p) return pattern(p.body_matches).test(body);
  if ("body_len" in p) return body.length === p.body_len;
  if ("body_len_gt" in p) return body.length > p.body_len_gt;
  if ("header" in p) {
    const [wanted, matches] = [p.header.toLowerCase(), pattern(expand(p.matches, places))];
    return headers.lines.some(([name, value]) => name === wanted && matches.test(value));
  }
  if ("header_present" in p) return headers.has(p.header_present.toLowerCase());
  if ("header_absent" in p) return !headers.has(p.header_absent.toLowerCase());
  if ("status_in" in p) return p.status_in.includes(response.status);
  if ("status_class" in p) return Math.floor(response.status / 100) === p.status_class;
  if ("location_offsite" in p) return leavesHost(response, request, places);
  if ("active_content_unsandboxed" in p) return isActive(response);
  if ("responses_gt" in p) return response.responses > p.responses_gt;
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

const LEAK = /panicked|RuntimeError|unreachable executed|wasm-function|stack: \/|\.rs:\d+/;
/** Statuses that the runtime answers with itself, without calling the worker. */
const PLATFORM = [0, 400, 414, 431, 500, 501];

/** Returns the complaints about one response. */
function judge({ expect, request }, response, tenant, places, upstreams) {
  const bad = [];
  const is = (p) => holds(p, response, request, places, upstreams);
  const { body, headers, status } = response;
  const isExpected = expect.status.includes(status);
  const isPlatform = isExpected && PLATFORM.includes(status);
  if (!isExpected) bad.push(`status ${status}`);
  for (const p of expect.must ?? [])
    if (!isPlatform && is(p) === false) bad.push(`must ${JSON.stringify(p)}`);
  for (const p of expect.must_not ?? [])
    if (is(p) === true) bad.push(`must not ${JSON.stringify(p)}`);
  for (const owner of ["a", "b"]) {
    const isMine = tenant === owner || tenant === "any";
    if (!isMine && body.includes(`MARK-${owner.toUpperCase()}`)) bad.push(`bytes of ${owner}`);
  }
  const secrets = [places.TOKEN_A, places.TOKEN_B, places.ROOT_TOKEN];
  if (secrets.some((secret) => body.includes(secret))) bad.push("a token");
  if (LEAK.test(body)) bad.push("internal details");
  if (headers.has("x-injected")) bad.push("an injected header");
  if (headers.has("set-cookie")) bad.push("a cookie");
  if (request.raw === undefined && response.ms > 3000) bad.push(`took ${response.ms} ms`);
  return bad;
}

const stored = async (worker) => (await stateOf(worker)) + (await uploadsOf(worker));

/** Whether a row has the predicate `name` for any of its responses. */
const mentions = (row, name) =>
  [row, ...(row.followup ?? [])].some(({ expect }) => expect.must_not.some((p) => name in p));

/** Returns the complaints about the store reads and cache writes of `count` requests. */
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

const CLEAN = {
  method: "GET",
  path: "/index.html",
  headers: [
    ["Host", "${HOST_A}"],
    ["Connection", "close"],
  ],
};

/**
 * Sends a row and its follow-ups, then a clean request; resolves to all complaints. `upstreams` are
 * `{origin, canary}`: the action's upstream, and one that must never get a request.
 *
 * A row may have requests that are sent `first` without checks, each so many `times`; `repeat` its
 * own request; and settings of the `shim` for the meantime.
 */
export async function attack(worker, row, places, upstreams) {
  upstreams.origin.reset();
  if (row.upstream) upstreams.origin.on("*", scripted(row.upstream, places));
  const isWatched = row.repeat !== undefined || row.shim !== undefined;
  const state = mentions(row, "state_changed") ? await stored(worker) : null;
  const ask = async (request) => {
    const timeoutMs = request.raw ? 1500 : 4000;
    const { bytes, ms } = await send(worker.port, bytesOf(request, places), timeoutMs);
    return { ...parse(bytes, request.method === "HEAD"), ms };
  };
  const judged = async (one) => judge(one, await ask(one.request), row.tenant, places, upstreams);

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
  const clean = await ask(CLEAN);
  if (clean.status !== 200 || !clean.body.includes("MARK-A-INDEX"))
    bad.push(`then a clean GET: ${clean.status}`);
  if (state !== null && (await stored(worker)) !== state) bad.push("stored data changed");
  return bad;
}
