// The stores and the edge tier: what wasm asks of them, one call and one promise each.
//
// What comes back is plain: a text of lines, bytes, a stream that is only passed on, `null` for
// what is not there. A bucket and a namespace have the same methods. Where they take a `condition`,
// undefined is none, "*" asks for a key that is not there, and all else for that very version.
// A `length` of 0 stands for all that there is.

import { hold, sha256 } from "./glue.js";

/** Returns the R2 bucket that is bound to a name, undefined where none is. */
export const bucket = (env, name) => (isBound(env, name) ? new Bucket(env[name]) : undefined);

/** Returns the KV namespace that is bound to a name, undefined where none is. */
export const namespace = (env, name) =>
  isBound(env, name) ? new Namespace(env[name]) : undefined;

const isBound = (env, name) => typeof env[name] === "object" && env[name] !== null;

/** R2: strongly consistent, with compare-and-swap by entity tag. */
class Bucket {
  constructor(r2) {
    this.r2 = r2;
  }

  /** Resolves to a small value and its version. */
  async read(key) {
    const found = await this.r2.get(key);
    return found && [await found.arrayBuffer(), found.etag];
  }

  /** Resolves to all bytes of a blob. */
  async hold(key) {
    const found = await this.r2.get(key);
    return found && found.arrayBuffer();
  }

  /** Resolves to a blob, or a part of it, to be passed on. */
  async open(key, first, length) {
    const found = await this.r2.get(key, { range: range(first, length) });
    return found && found.body;
  }

  /** Resolves to whether the condition held and the value is stored. */
  async write(key, bytes, condition) {
    return (await this.r2.put(key, bytes, { onlyIf: onlyIf(condition) })) !== null;
  }

  /** Resolves to whether the body had the hash, and is stored; the store itself checks it. */
  async writeChecked(key, body, sha256) {
    try {
      await this.r2.put(key, body, { sha256 });
      return true;
    } catch (error) {
      if (isOne(error, BAD_DIGEST)) return false;
      throw error;
    }
  }

  async delete(key) {
    await this.r2.delete(key);
  }

  async deleteAll(keys) {
    await this.r2.delete(keys);
  }

  /** Resolves to the cursor of the next page, empty at the end, and keys. */
  async list(prefix, cursor) {
    const page = await this.r2.list({ prefix, cursor });
    return [next(page), ...page.objects.map(({ key }) => key)].join("\n");
  }

  /** Resolves to what is known of an object and its body, null if it has the entity tag. */
  async objectRead(key, etag, first, length) {
    const condition = etag === undefined ? undefined : { etagDoesNotMatch: opaque(etag) };
    const found = await this.r2.get(key, { onlyIf: condition, range: range(first, length) });
    // An object without a body is what R2 gives when the condition does not hold.
    return found && [about(found), found.body ?? null];
  }

  /** Resolves to what is known of an object. */
  async objectMeta(key) {
    const found = await this.r2.head(key);
    return found && about(found);
  }

  /** Resolves to the entity tag of what is stored now, null if the condition did not hold. */
  async objectWrite(key, body, length, type, tags, writtenMs, condition) {
    const value = body && length ? body : new Uint8Array();
    const options = { ...described(type, tags), onlyIf: onlyIf(condition) };
    const stored = await this.r2.put(key, value, options);
    return stored && stored.httpEtag;
  }

  /** Resolves to the cursor, and six lines for each object: its key, and what is known of it. */
  async objectList(prefix, cursor, limit) {
    const include = ["httpMetadata", "customMetadata"];
    const page = await this.r2.list({ prefix, cursor, limit, include });
    const lines = page.objects.map((object) => `${object.key}\n${about(object)}`);
    return [next(page), ...lines].join("\n");
  }

  /** Resolves to the id of an upload in parts. */
  async uploadBegin(key, type, tags) {
    return (await this.r2.createMultipartUpload(key, described(type, tags))).uploadId;
  }

  /** Resolves to the entity tag of a part; null, as those below, if there is no such upload. */
  uploadPart(key, id, number, body) {
    return this.upload(key, id, async (upload) => (await upload.uploadPart(number, body)).etag);
  }

  /** Resolves to what is known of the object; `parts` are numbers and entity tags in turn. */
  uploadFinish(key, id, parts) {
    const list = [];
    for (let i = 0; i < parts.length; i += 2) {
      list.push({ partNumber: parts[i], etag: parts[i + 1] });
    }
    return this.upload(key, id, async (upload) => about(await upload.complete(list)));
  }

  uploadDrop(key, id) {
    return this.upload(key, id, (upload) => upload.abort());
  }

  async upload(key, id, work) {
    const upload = this.r2.resumeMultipartUpload(key, id);
    try {
      return await work(upload);
    } catch (error) {
      if (isOne(error, BAD_UPLOAD)) return null;
      throw error;
    }
  }
}

/** R2's error for a wrong checksum. */
const BAD_DIGEST = /10037/;
/**
 * R2's errors for parts that are too small, an upload that is not there, parts that are not, and
 * parts of different lengths.
 */
const BAD_UPLOAD = /10011|10024|10025|10048/;

const isOne = (error, codes) => error instanceof Error && codes.test(error.message);

const range = (offset, length) => (length ? { offset, length } : undefined);

const onlyIf = (condition) =>
  condition === undefined ? undefined
  : condition === "*" ? { etagDoesNotMatch: "*" }
  : { etagMatches: opaque(condition) };

/** What is between the quotes of an entity tag, which is all of it that R2 takes. */
const opaque = (etag) => etag.replace(/^"+|"+$/g, "");

const described = (contentType, tags) => ({
  httpMetadata: { contentType },
  customMetadata: { tags },
});

const next = (page) => (page.truncated ? page.cursor : "");

/**
 * Five lines: the length, the entity tag, the media type, the tags, and when it was written.
 * Objects that somebody else put there may lack some.
 */
const about = ({ size, httpEtag, httpMetadata, customMetadata, uploaded }) => {
  const [type, tags] = [httpMetadata?.contentType ?? "", customMetadata?.tags ?? ""];
  return `${size}\n${httpEtag}\n${type}\n${tags}\n${uploaded.getTime()}`;
};

/**
 * KV: shows writes late and has no compare-and-swap; conditions are checked by reading first. A
 * lost race is therefore found, by whoever reads back, and not prevented.
 */
class Namespace {
  constructor(kv) {
    this.kv = kv;
  }

  /** The version is the hash. */
  async read(key) {
    const bytes = await this.kv.get(key, "arrayBuffer");
    return bytes && [bytes, await hashOf(bytes)];
  }

  async hold(key) {
    return this.kv.get(key, BLOB_BYTES);
  }

  /** KV has no ranges: to cut out of the whole is half the cost of reading up to it. */
  async open(key, first, length) {
    if (!length) return this.kv.get(key, BLOB_STREAM);
    const bytes = await this.hold(key);
    return bytes && new Uint8Array(bytes, first, length);
  }

  async write(key, bytes, condition) {
    if (condition !== undefined && !isMet(condition, (await this.read(key))?.[1])) return false;
    await this.kv.put(key, bytes);
    return true;
  }

  /** KV checks nothing, so it is done here. */
  async writeChecked(key, body, sha256) {
    const bytes = await new Response(body).arrayBuffer();
    if ((await hashOf(bytes)) !== sha256) return false;
    await this.kv.put(key, bytes);
    return true;
  }

  async delete(key) {
    await this.kv.delete(key);
  }

  async deleteAll(keys) {
    for (let at = 0; at < keys.length; at += DELETES_AT_ONCE) {
      const some = keys.slice(at, at + DELETES_AT_ONCE);
      await Promise.all(some.map((key) => this.kv.delete(key)));
    }
  }

  async list(prefix, cursor) {
    const page = await this.kv.list({ prefix, cursor });
    return [after(page), ...page.keys.map(({ name }) => name)].join("\n");
  }

  async objectRead(key, etag, first, length) {
    const found = await this.found(key, length ? "arrayBuffer" : "stream");
    if (!found) return null;
    const { value, metadata } = found;
    if (metadata.split("\n")[1] === etag) {
      if (!length) value.cancel();
      return [metadata, null];
    }
    return [metadata, length ? new Uint8Array(value, first, length) : value];
  }

  /** KV has no way to ask for that alone. */
  async objectMeta(key) {
    const found = await this.found(key, "stream");
    if (!found) return null;
    found.value.cancel();
    return found.metadata;
  }

  async objectWrite(key, body, length, type, tags, writtenMs, condition) {
    const bytes = await hold(body, length);
    if (!bytes) throw new TypeError(`the body is longer than ${length} bytes`);
    if (condition !== undefined) {
      const meta = await this.objectMeta(key);
      if (!isMet(condition, meta?.split("\n")[1])) return null;
    }
    const etag = `"${(await hashOf(bytes)).slice(0, 32)}"`;
    const metadata = `${bytes.byteLength}\n${etag}\n${type}\n${tags}\n${writtenMs}`;
    await this.kv.put(key, bytes, { metadata });
    return etag;
  }

  async objectList(prefix, cursor, limit) {
    const page = await this.kv.list({ prefix, cursor, limit });
    const ours = page.keys.filter(({ metadata }) => OURS.test(metadata));
    const lines = ours.map(({ name, metadata }) => `${name}\n${metadata}`);
    return [after(page), ...lines].join("\n");
  }

  /** Resolves to a value with its metadata; one without them is nothing that was written here. */
  async found(key, type) {
    const found = await this.kv.getWithMetadata(key, type);
    return found.value !== null && OURS.test(found.metadata) ? found : null;
  }
}

/**
 * How a blob is read. It never changes, but a data centre that has not heard of it yet remembers
 * that for as long as `cacheTtl` says.
 */
const BLOB_BYTES = { type: "arrayBuffer", cacheTtl: 300 };
const BLOB_STREAM = { type: "stream", cacheTtl: 300 };

/** The platform queues what is more than six connections. */
const DELETES_AT_ONCE = 6;

/** What we say of an object is its metadata: the lines of `about`. */
const OURS = /^\d+\n.*\n.*\n.*\n\d+$/;

const isMet = (condition, version) => condition === (version ?? "*");

const after = (page) => (page.list_complete ? "" : (page.cursor ?? ""));

async function hashOf(bytes) {
  const hash = new Uint8Array(await sha256(bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// The edge tier is the runtime's Cache API, used as a plain store, not as an HTTP cache: keys are
// bare URLs that no client can ask for, entries are status 200 with a lifetime of their own, and
// ranges and conditions are never shown to it. Measured: `put` resolves when nothing was stored,
// `match` throws when the cache is down or none is configured.

/** Resolves to what we said of what is kept under a URL, and its body. */
export async function kept(url) {
  const found = await caches.default.match(url);
  return found ? [found.headers.get("selvedge-stored") ?? "", found.body] : null;
}

/** Resolves to the bytes of what is kept under a URL. */
export async function keptBytes(url) {
  const found = await caches.default.match(url);
  return found ? found.arrayBuffer() : null;
}

/** Keeps a body under a URL, if the cache takes it; `head` is what we say of it. */
export async function keep(url, head, body, length, ttlSecs) {
  const headers = {
    "cache-control": `public, max-age=${ttlSecs}`,
    "content-length": String(length),
    "content-type": "application/octet-stream",
    "selvedge-stored": head,
  };
  await caches.default.put(url, new Response(body, { headers }));
}
