// The two contestants, in one process: the media worker, from the very modules that workerd loads,
// and sharp on one thread without a cache.

import { existsSync, readdirSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import sharp from "sharp";
import { BUILD, Explained } from "../../scripts/lib.mjs";

export const MEDIA = join(BUILD, "media");

/** Query parameter that makes Node load a module again. */
const ISOLATE = "isolate";
const RUNTIME = "cloudflare:";
const EMPTY = "data:text/javascript,export const env = {};";

const READ = 'import { readFileSync } from "node:fs";';
const COMPILED = "export default new WebAssembly.Module(readFileSync(new URL(import.meta.url)));";

/** Loads modules as workerd does: `.wasm` files are compiled modules. */
function hookModules() {
  registerHooks({
    resolve(specifier, context, next) {
      if (specifier.startsWith(RUNTIME)) return { url: EMPTY, shortCircuit: true };
      const found = next(specifier, context);
      const isolate = context.parentURL && new URL(context.parentURL).searchParams.get(ISOLATE);
      if (!isolate || !found.url.startsWith("file:")) return found;
      const url = new URL(found.url);
      url.searchParams.set(ISOLATE, isolate);
      return { ...found, url: url.href, format: null, shortCircuit: true };
    },
    load(url, context, next) {
      const { pathname } = new URL(url);
      if (!pathname.endsWith(".wasm")) return next(url, context);
      return { format: "module", source: READ + COMPILED, shortCircuit: true };
    },
  });
}

/** The linear memories of all instances since the last isolate began. */
const memories = new Set();

function noteMemories(instance) {
  for (const value of Object.values(instance.exports)) {
    if (value instanceof WebAssembly.Memory) memories.add(value);
  }
  return instance;
}

function hookInstances() {
  const { Instance, instantiate } = WebAssembly;
  WebAssembly.Instance = new Proxy(Instance, {
    construct: (target, args) => noteMemories(new target(...args)),
  });
  WebAssembly.instantiate = async (...args) => {
    const made = await instantiate.apply(WebAssembly, args);
    noteMemories(made.instance ?? made);
    return made;
  };
}

/** What workerd has and Node has not; a timer must not keep the process alive. */
globalThis.scheduler ??= { wait: (ms) => setTimeout(ms, undefined, { ref: false }) };

let isolates = 0;

/** Names of the compiled modules. */
export function wasmFiles() {
  if (!existsSync(MEDIA)) throw new Explained("there is no build/media: run `make build`");
  return readdirSync(MEDIA, { recursive: true }).filter((name) => name.endsWith(".wasm"));
}

/** Loads the media worker as a fresh isolate does. */
export async function media() {
  if (!existsSync(MEDIA)) throw new Explained("there is no build/media: run `make build`");
  if (isolates === 0) {
    hookModules();
    hookInstances();
  }
  isolates += 1;
  memories.clear();
  const url = pathToFileURL(join(MEDIA, "index.mjs"));
  url.searchParams.set(ISOLATE, isolates);
  const { default: worker } = await import(url.href);
  return {
    async render(source, asked) {
      const plan = `lengths=${source.length}&${transformation(asked)}`;
      const address = `http://media/render?${plan}`;
      const request = new Request(address, { method: "POST", body: source });
      const response = await worker.fetch(request, {}, { waitUntil() {} });
      const bytes = Buffer.from(await response.arrayBuffer());
      return { status: response.status, bytes, timing: response.headers.get("server-timing") };
    },
    /** MiB of all linear memories. */
    memory: () => [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0) / 2 ** 20,
  };
}

/** The qualities that the canonical form leaves out. */
const QUALITY_DEFAULT = { jpg: 75, webp: 75, avif: 50 };

/** Returns the canonical form of a transformation. */
function transformation({ width, format, quality }) {
  const isDefault = quality === null || quality === QUALITY_DEFAULT[format];
  return `fm=${format}${isDefault ? "" : `&q=${quality}`}&w=${width}`;
}

sharp.concurrency(1);
sharp.cache(false);

/** Renders with sharp's defaults but for the quality. */
export async function sharpRender(source, { width, format, quality }) {
  const image = sharp(source).autoOrient().resize({ width, withoutEnlargement: true });
  return image.toFormat(format === "jpg" ? "jpeg" : format, { quality }).toBuffer();
}
