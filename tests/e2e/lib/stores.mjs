// Source text of two workers that hold data in memory and speak the HTTP protocols of workerd's KV
// binding and Cache API: bare workerd has no storage.

export const KV_WORKER = `
const values = new Map();
const keyOf = (url) => decodeURIComponent(url.pathname.slice(1));

function list(url) {
  const prefix = url.searchParams.get("prefix") ?? "";
  const limit = Number(url.searchParams.get("key_count_limit") ?? 1000);
  const after = url.searchParams.get("cursor") ?? "";
  const names = [...values.keys()].filter((k) => k.startsWith(prefix) && k > after).sort();
  const page = names.slice(0, limit);
  const done = page.length === names.length;
  const keys = page.map((name) => {
    const { metadata } = values.get(name);
    return { name, ...(metadata ? { metadata: JSON.parse(metadata) } : {}) };
  });
  return Response.json({ keys, list_complete: done, ...(done ? {} : { cursor: page.at(-1) }) });
}

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const key = keyOf(url);
    if (request.method === "PUT") {
      const metadata = request.headers.get("CF-KV-Metadata");
      values.set(key, { bytes: await request.arrayBuffer(), metadata });
      return new Response(null, { status: 204 });
    }
    if (request.method === "DELETE") {
      values.delete(key);
      return new Response(null, { status: 204 });
    }
    if (key === "") return list(url);
    const value = values.get(key);
    if (!value) return new Response(null, { status: 404 });
    const headers = value.metadata ? { "CF-KV-Metadata": value.metadata } : {};
    return new Response(value.bytes, { headers });
  },
};
`;

export const CACHE_WORKER = `
const entries = new Map();

function split(bytes) {
  for (let i = 0; i + 3 < bytes.length; i += 1) {
    if (bytes[i] === 13 && bytes[i + 1] === 10 && bytes[i + 2] === 13 && bytes[i + 3] === 10) {
      return [new TextDecoder().decode(bytes.subarray(0, i)), bytes.subarray(i + 4)];
    }
  }
  return ["", bytes];
}

function unchunk(bytes) {
  const parts = [];
  for (let at = 0; at < bytes.length; ) {
    let end = at;
    while (end < bytes.length && bytes[end] !== 13) end += 1;
    const size = parseInt(new TextDecoder().decode(bytes.subarray(at, end)), 16);
    if (!(size > 0)) break;
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 4 + size;
  }
  return new Blob(parts).arrayBuffer();
}

async function store(request) {
  const [head, body] = split(new Uint8Array(await request.arrayBuffer()));
  const headers = new Headers();
  for (const line of head.split("\\r\\n").slice(1)) {
    const colon = line.indexOf(":");
    headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const isChunked = (headers.get("transfer-encoding") ?? "").includes("chunked");
  headers.delete("transfer-encoding");
  headers.delete("content-length");
  const control = headers.get("cache-control") ?? "";
  const life = control.match(/s-maxage=(\\d+)/) ?? control.match(/max-age=(\\d+)/);
  if (!life) return;
  const until = Date.now() + Number(life[1]) * 1000;
  entries.set(request.url, { headers, body: isChunked ? await unchunk(body) : body, until });
}

export default {
  async fetch(request) {
    if (request.method === "PUT") {
      await store(request);
      return new Response(null, { status: 204 });
    }
    if (request.method === "PURGE") {
      const had = entries.delete(request.url);
      return new Response(null, { status: had ? 200 : 404 });
    }
    const entry = entries.get(request.url);
    if (!entry || entry.until < Date.now()) {
      return new Response(null, { status: 504, headers: { "CF-Cache-Status": "MISS" } });
    }
    const headers = new Headers(entry.headers);
    headers.set("CF-Cache-Status", "HIT");
    return new Response(entry.body, { headers });
  },
};
`;
