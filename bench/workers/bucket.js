// An R2 bucket in memory that speaks the protocol of the runtime's binding: requests are in a
// header or before the value, and an object's metadata is before its bytes. Supports only the
// operations that Selvedge uses: get with a range, head, put with a condition, list, delete.

const objects = new Map();
const NO_SUCH_KEY = [404, 10007];
const CONDITION_FAILED = [412, 10031];
const text = new TextEncoder();

function refused([status, v4code]) {
  const error = JSON.stringify({ version: 1, v4code, message: `refused: ${v4code}` });
  return new Response(null, { status, headers: { "cf-r2-error": error } });
}

const described = ({ key, etag, bytes }, range) => ({
  name: key,
  version: etag,
  etag,
  size: bytes.byteLength,
  uploaded: 0,
  httpFields: {},
  customFields: [],
  checksums: {},
  range,
});

/** Responds with a result, followed by bytes. */
function answer(result, bytes = new ArrayBuffer(0)) {
  const head = text.encode(JSON.stringify(result));
  const body = new Uint8Array(head.byteLength + bytes.byteLength);
  body.set(head);
  body.set(new Uint8Array(bytes), head.byteLength);
  return new Response(body, { headers: { "cf-r2-metadata-size": String(head.byteLength) } });
}

function get({ object: key, range }) {
  const object = objects.get(key);
  if (!object) return refused(NO_SUCH_KEY);
  if (!range) return answer(described(object), object.bytes);
  const offset = Number(range.offset ?? 0);
  const length = Number(range.length ?? object.bytes.byteLength - offset);
  const part = object.bytes.slice(offset, offset + length);
  return answer(described(object, { offset, length }), part);
}

function head({ object: key }) {
  const object = objects.get(key);
  return object ? answer(described(object)) : refused(NO_SUCH_KEY);
}

function list({ prefix = "", cursor = "", limit = 1000 }) {
  const after = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > cursor).sort();
  const keys = after.slice(0, limit);
  const truncated = keys.length < after.length;
  const page = { objects: keys.map((key) => described(objects.get(key))), truncated };
  return answer({ ...page, delimitedPrefixes: [], ...(truncated ? { cursor: keys.at(-1) } : {}) });
}

const holds = (tags, etag) =>
  tags.some(({ type, value }) => (type === "wildcard" ? etag !== undefined : value === etag));

function put({ object: key, onlyIf }, bytes) {
  const etag = objects.get(key)?.etag;
  const { etagMatches, etagDoesNotMatch } = onlyIf ?? {};
  if (etagMatches && !holds(etagMatches, etag)) return refused(CONDITION_FAILED);
  if (etagDoesNotMatch && holds(etagDoesNotMatch, etag)) return refused(CONDITION_FAILED);
  const object = { key, bytes, etag: crypto.randomUUID().replaceAll("-", "") };
  objects.set(key, object);
  return answer(described(object));
}

export default {
  async fetch(request) {
    if (request.method === "GET") {
      const asked = JSON.parse(request.headers.get("cf-r2-request"));
      return { get, head, list }[asked.method](asked);
    }
    const size = Number(request.headers.get("cf-r2-metadata-size"));
    const sent = await request.arrayBuffer();
    const asked = JSON.parse(new TextDecoder().decode(sent.slice(0, size)));
    if (asked.method === "put") return put(asked, sent.slice(size));
    for (const key of asked.objects ?? [asked.object]) objects.delete(key);
    return new Response();
  },
};
