// esbuild makes no HTML: this writes the page from its metafile, as people's scripts do.
import { cpSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const isHashed = process.argv[2] === "hashed";
const { metafile } = await build({
  entryPoints: ["src/main.jsx", "src/admin.jsx"],
  bundle: true,
  splitting: true,
  minify: true,
  format: "esm",
  jsx: "automatic",
  sourcemap: "linked",
  metafile: true,
  outdir: isHashed ? "dist/static" : "dist",
  publicPath: isHashed ? "/static" : "/",
  loader: { ".png": "file" },
  define: { "process.env.NODE_ENV": '"production"' },
  ...(isHashed && { entryNames: "[name]-[hash]", chunkNames: "[name]-[hash]" }),
});

const outputs = Object.entries(metafile.outputs);
for (const [page, entry] of [
  ["index.html", "src/main.jsx"],
  ["admin.html", "src/admin.jsx"],
]) {
  const [script, { cssBundle }] = outputs.find(([, output]) => output.entryPoint === entry);
  const url = (path) => path.replace(/^dist/, "");
  writeFileSync(
    `dist/${page}`,
    `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>esbuild, EDITION</title>
<link rel="icon" href="/favicon.svg">
<link rel="stylesheet" href="${url(cssBundle)}">
<div id="root"></div>
<p><a href="/">home</a> <a href="/admin">admin</a></p>
<script type="module" src="${url(script)}"></script>
</html>
`,
  );
}
cpSync("public", "dist", { recursive: true });
