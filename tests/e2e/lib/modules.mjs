// Runs the modules of the media worker on bare workerd, without the worker.

import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../../scripts/lib.mjs";
import { configText, esModule, freePorts, serve, workerService } from "./workerd.mjs";

const OWN = join(ROOT, "media/src/edge/modules");

/** Calls `answer` of "front.mjs"; reports linear memory and the number of instances. */
const ENTRY = `
import { answer, instantiated } from "./front.mjs";
const { Instance } = WebAssembly;
let memory;
WebAssembly.Instance = class extends Instance {
  constructor(module, imports) {
    super(module, imports);
    memory = Object.values(this.exports).find((it) => it instanceof WebAssembly.Memory);
  }
};
export default {
  async fetch(request) {
    if (request.method === "GET") return new Response("ready");
    const bytes = new Uint8Array(await request.arrayBuffer());
    let body;
    let status = 200;
    let result = {};
    try {
      [body, result] = await answer(request.url, bytes);
    } catch (fault) {
      body = String(fault);
      status = 500;
    }
    const memoryBytes = memory?.buffer.byteLength ?? 0;
    const report = JSON.stringify({ ...result, memoryBytes, instances: instantiated() });
    return new Response(body, { status, headers: { report } });
  },
};
`;

/**
 * Serves the module `front`, which exports `answer(url, bytes)`; it resolves to the body of the
 * response and to an object. `others` are further modules: paths and files.
 */
export async function serveModules(front, others) {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-modules-"));
  mkdirSync(join(folder, "modules"));
  writeFileSync(join(folder, "entry.mjs"), ENTRY);
  const counter = 'export { instantiated } from "./modules/kept.mjs";';
  writeFileSync(join(folder, "front.mjs"), `${front}\n${counter}`);
  const own = readdirSync(OWN).map((name) => [`modules/${name}`, join(OWN, name)]);
  const parts = [...own, ...others].map(([path, from]) => {
    copyFileSync(from, join(folder, path));
    return path.endsWith(".wasm")
      ? `(name = "./${path}", wasm = embed "${path}")`
      : esModule(`./${path}`, path);
  });
  const modules = [esModule("entry.mjs"), esModule("./front.mjs", "front.mjs"), ...parts];
  const ports = await freePorts("media");
  const config = configText({ media: workerService({ modules }) }, ports);
  const { stop } = await serve(folder, config, ports.media);
  async function post(path, body) {
    const url = `http://127.0.0.1:${ports.media}${path}`;
    const response = await fetch(url, { method: "POST", body });
    const { memoryBytes: memory, ...report } = JSON.parse(response.headers.get("report"));
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, bytes, memory, ...report };
  }
  return { post, stop };
}
