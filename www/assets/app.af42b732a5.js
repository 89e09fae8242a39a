// Asks this page, and the files that it is made of, for their headers, and shows what came back.
// Nothing is sent anywhere else, and only text is ever put into the page.

const TIERS = ["memory", "edge", "store"];
const COLUMNS = 24;

const byId = (id) => document.getElementById(id);
const asked = []; // The tier of each request for the page, oldest first.
let asking = false;

/** What to ask: the page, its parts as it names them, and two requests that send less. */
function requests() {
  const style = document.querySelector("link[rel=stylesheet]").getAttribute("href");
  const script = document.querySelector("script[src]").getAttribute("src");
  const image = document.querySelector("main img").getAttribute("src");
  return [
    { name: "This page", url: location.pathname },
    { name: "Style sheet", url: style },
    { name: "Script", url: script },
    { name: "Image", url: image },
    { name: "Image, if it changed", url: image, conditional: true },
    { name: "Image, 64 bytes of it", url: image, range: "bytes=0-63" },
  ];
}

/** One request that no browser cache may answer. */
async function ask(request, etags) {
  const headers = new Headers();
  if (request.range) headers.set("Range", request.range);
  if (request.conditional && etags.has(request.url)) {
    headers.set("If-None-Match", etags.get(request.url));
  }
  const before = performance.now();
  const response = await fetch(request.url, { cache: "no-store", headers });
  const decoded = (await response.arrayBuffer()).byteLength;
  const millis = Math.max(1, Math.round(performance.now() - before));
  const etag = response.headers.get("etag");
  if (etag) etags.set(request.url, etag);
  const size = sizeOf(response, decoded);
  return { ...request, status: response.status, headers: response.headers, size, millis };
}

/** What was sent is the length of the coding; what arrives here has been decoded. */
function sizeOf(response, decoded) {
  const sent = response.headers.get("content-length");
  const isCoded = response.headers.has("content-encoding");
  if (response.status === 304) return "0 B";
  if (sent === null && isCoded) return `${decoded.toLocaleString("en")} B decoded`;
  return `${Number(sent ?? decoded).toLocaleString("en")} B`;
}

/** The parameters of an RFC 9211 member: `selvedge; hit; ttl=9; detail=edge` -> {hit, ttl, detail}. */
function parameters(value) {
  const out = {};
  for (const part of (value ?? "").split(",").at(-1).split(";").slice(1)) {
    const [name, text] = part.trim().split("=");
    if (name) out[name] = text === undefined ? true : text.replaceAll('"', "");
  }
  return out;
}

function tierOf(headers) {
  const status = parameters(headers.get("cache-status"));
  return status.detail ?? (status.hit ? "cache" : "not said");
}

function freshness(headers) {
  const status = parameters(headers.get("cache-status"));
  const how = status.hit ? "hit" : status.fwd ? `fwd=${status.fwd}` : "";
  const ttl = status.ttl === undefined ? "" : `ttl ${status.ttl} s`;
  return [how, ttl].filter(Boolean).join(", ");
}

/** `"0123…ef-br"` of a long entity tag: its coding is at the end, so both ends are kept. */
function shortTag(etag) {
  const bare = etag.replaceAll('"', "");
  if (bare.length <= 20) return etag;
  const [hash, coding] = bare.split("-");
  return `"${hash.slice(0, 10)}…${coding ? `-${coding}` : ""}"`;
}

function element(name, text, attributes = {}) {
  const node = document.createElement(name);
  if (text) node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/** A table cell; each of its parts stays on one line, so a directive is never broken at a hyphen. */
function cell(label, text, small, wide) {
  const classes = `${wide ? "wide" : ""} wire`.trim();
  const node = element("td", "", { role: "cell", "data-label": label, class: classes });
  node.append(...unbroken(text));
  if (small) {
    const below = element("small");
    below.append(...unbroken(small));
    node.append(below);
  }
  return node;
}

function unbroken(text) {
  return text.split(/(?<=,) /).flatMap((part) => [element("span", part), " "]).slice(0, -1);
}

function row(answer) {
  const { headers, status, size, millis } = answer;
  const would = headers.get("x-cache-control");
  const etag = headers.get("etag") ?? "none";
  const line = element("tr", "", { role: "row", "data-url": answer.url });
  const head = element("th", answer.name, { scope: "row", role: "rowheader" });
  head.append(element("small", answer.url));
  const tag = cell("ETag", shortTag(etag));
  tag.title = etag;
  line.append(
    head,
    cell("Status", String(status), `${size}, ${millis} ms`),
    cell("Tier", tierOf(headers), freshness(headers)),
    cell("Cache-Control", headers.get("cache-control") ?? "none", would && `permanent: ${would}`, true),
    cell("Encoding", headers.get("content-encoding") ?? "identity"),
    tag,
  );
  return line;
}

function showLabel(headers) {
  const [deployment, ...rest] = (headers.get("selvedge-deployment") ?? "not said").split(";");
  const stage = rest.map((p) => p.trim().split("=")).find(([name]) => name === "stage");
  byId("deployment").textContent = deployment.trim().replaceAll('"', "");
  const name = stage ? stage[1].replaceAll('"', "") : "not said";
  byId("stage").textContent = name === "none" ? "this deployment only" : name;
  byId("tier").textContent = tierOf(headers);
}

function showHeaders(headers) {
  byId("headers").replaceChildren(
    ...[...headers].map(([name, value]) => {
      const pair = element("div");
      pair.append(element("dt", name), element("dd", value));
      return pair;
    }),
  );
}

/** Fills the point paper: a column for each request, in the row of the tier that answered it. */
function showDraft() {
  const shown = asked.slice(-COLUMNS);
  for (const tier of document.querySelectorAll(".tier")) {
    tier.querySelectorAll("i").forEach((mark, column) => {
      const on = shown[column] === tier.dataset.tier;
      mark.classList.toggle("on", on);
      mark.classList.toggle("now", on && column === shown.length - 1);
    });
  }
  byId("draft").setAttribute("aria-label", `Tiers that answered, oldest first: ${shown.join(", ")}`);
}

function say(text, failed = false) {
  byId("said").textContent = text;
  byId("said").classList.toggle("failed", failed);
}

async function askAll() {
  if (asking) return;
  asking = true;
  byId("ask").setAttribute("aria-disabled", "true");
  try {
    const etags = new Map();
    const answers = [];
    for (const request of requests()) answers.push(await ask(request, etags));
    const [page] = answers;
    const tier = tierOf(page.headers);
    asked.push(tier);
    showLabel(page.headers);
    showHeaders(page.headers);
    showDraft();
    byId("files").replaceChildren(...answers.map(row));
    const who = TIERS.includes(tier) ? `the ${tier} tier` : tier;
    say(`Request ${asked.length}: ${who} answered in ${page.millis} ms.`);
  } catch {
    say("No answer came. Is the worker still running? Start it, then ask again.", true);
  } finally {
    asking = false;
    byId("ask").removeAttribute("aria-disabled");
  }
}

/** The example addresses, below the base of the host that this page came from. */
function localiseHosts() {
  const [label, ...base] = location.host.split(".");
  const isSite = /--|^www$/.test(label) || /^localhost(:|$)/.test(base.join("."));
  const host = isSite && base.length > 0 ? base.join(".") : location.host;
  for (const code of document.querySelectorAll("[data-host]")) {
    code.textContent = `${code.dataset.host}.${host}`;
  }
}

for (const tier of document.querySelectorAll(".tier")) {
  for (let column = 0; column < COLUMNS; column += 1) tier.append(element("i"));
}
localiseHosts();
byId("label").hidden = false;
byId("live").hidden = false;
byId("ask").addEventListener("click", askAll);
askAll();
