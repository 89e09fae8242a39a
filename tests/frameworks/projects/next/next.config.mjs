import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

// The tools are installed one folder up, where other builds use them too.
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");

export default {
  output: "export",
  images: { unoptimized: true },
  outputFileTracingRoot: root,
  turbopack: { root },
};
