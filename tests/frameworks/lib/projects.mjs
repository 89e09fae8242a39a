// The projects, each with the rule by which its tool hashes names (`isHashed`).

import { among, names, ordinary, png } from "./generate.mjs";

/** Paths of the files that tools copy unchanged. */
const COPIED = new Set(Object.keys(ordinary("first")));
const under = (folder) => (path) => path.startsWith(folder);
const widget = (name, edition) => `<li>${name}, ${edition} edition</li>`;
const widgetModule = (name, edition) =>
  `export default function Widget() {\n  return ${widget(name, edition)};\n}\n`;

/** Returns an object of the entries that `entry` returns for each item. */
const each = (items, entry) => Object.fromEntries(items.map(entry));
/** Moves `files` into `folder`. */
const within = (folder, files) =>
  each(Object.entries(files), ([path, content]) => [`${folder}/${path}`, content]);

/**
 * Completes a project. The first part of its name is the folder of its tools. Its sources also have
 * ordinary files in the folder `copied`, an image at `photo` if that is set, and the files that
 * `generate` returns. `out` is the folder of the build.
 */
function project({ copied = "public", photo, generate = () => ({}), ...rest }) {
  const image = (edition) => (photo ? { [photo]: png(edition === "first" ? 1 : 5001) } : {});
  return {
    tools: rest.name.split("-")[0],
    out: "dist",
    ...rest,
    generate: (edition) => ({
      ...within(copied, ordinary(edition)),
      ...image(edition),
      ...generate(edition),
    }),
  };
}

/** Returns `count` React pages, some with a style sheet, an image or a shared module. */
function reactPages(count, edition) {
  const folder = "src/pages";
  const files = {};
  names(count).forEach((name, i) => {
    const lines = [];
    if (i % 4 === 0) {
      lines.push(`import "./${name}.css";`);
      files[`${folder}/${name}.css`] = `.page-${i}::after { content: "${edition} edition" }\n`;
    }
    if (i % 7 === 1) {
      lines.push(`import photo from "./${name}.png";`);
      files[`${folder}/${name}.png`] = png(i + (edition === "first" ? 0 : 5000));
    }
    if (i % 3 === 2) {
      const shared = names(60)[(i * 7) % 15];
      lines.push(`import { label } from "../shared/${shared}.js";`);
      files[`src/shared/${shared}.js`] =
        `export const label = (name) => \`${shared} of \${name}, ${edition} edition\`;\n`;
    }
    const image = i % 7 === 1 ? `<img src={photo} alt="" />` : "";
    const text = i % 3 === 2 ? `{label("${name}")}` : name;
    lines.push(
      `export default function Page() {`,
      `  return <p className="page-${i}">${text}, ${edition} edition ${image}</p>;`,
      `}\n`,
    );
    files[`${folder}/${name}.jsx`] = lines.join("\n");
  });
  return files;
}

/** Returns React pages, and a module that imports each of them lazily. */
function lazyReactPages(count, edition) {
  const imports = names(count).map((page) => `  "${page}": () => import("./pages/${page}.jsx"),\n`);
  return {
    ...reactPages(count, edition),
    "src/pages.js": `export const pages = {\n${imports.join("")}};\n`,
  };
}

/** Returns a JSX component that renders `W0`, `W1` and so on inside `tag`. */
function listOf(count, tag) {
  const items = Array.from({ length: count }, (_, i) => `      <W${i} />\n`).join("");
  return (
    `\nexport function Widgets() {\n  return (\n    <${tag}>\n${items}` + `    </${tag}>\n  );\n}\n`
  );
}

/** Vite writes all output except pages to `assets/`, as `[name]-[hash]`. */
function vite(name, count) {
  const copied = new Set(Object.keys(among("assets", "first")));
  return project({
    name,
    packages: ["vite", "react"],
    generate: (edition) => ({
      ...reactPages(count, edition),
      ...within("public", among("assets", edition)),
    }),
    build: [["vite", "build", "--logLevel", "warn"]],
    isHashed: (path) => path.startsWith("assets/") && !copied.has(path),
    pages: ["/", ...names(3).slice(1).map((page) => `/#/${page}`)],
  });
}

/** esbuild hashes chunks and assets, and entry points only on request (`isWhole`). */
function esbuild(name, count, isWhole) {
  const isEntry = (path) => /^(main|admin)\.(js|css)(\.map)?$/.test(path);
  return project({
    name,
    packages: ["esbuild", "react"],
    generate: (edition) => lazyReactPages(count, edition),
    build: [["node", "build.mjs", isWhole ? "hashed" : "default"]],
    isHashed: isWhole
      ? under("static/")
      : (path) => !COPIED.has(path) && !path.endsWith(".html") && !isEntry(path),
    pages: ["/", "/admin", `/#/${names(count).at(-1)}`],
  });
}

/** Angular hashes all output except the page. */
function angular(name, count) {
  const pages = names(count);
  const route = (page, i) =>
    `  { path: "${page}", loadComponent: () => import("./pages/${page}")` +
    `.then((module) => module.Page${i}) },\n`;
  const component = (page, i, edition) =>
    `import { Component } from "@angular/core";\n\n` +
    `@Component({ template: "<p>${page}, ${edition} edition</p>" })\n` +
    `export class Page${i} {}\n`;
  return project({
    name,
    packages: ["@angular/core", "@angular/build"],
    photo: "src/photo.png",
    generate: (edition) => ({
      ...each(pages, (page, i) => [`src/app/pages/${page}.ts`, component(page, i, edition)]),
      "src/app/routes.ts":
        `import type { Routes } from "@angular/router";\n\n` +
        `export const routes: Routes = [\n${pages.map(route).join("")}];\n`,
    }),
    build: [["ng", "build", "--progress=false"]],
    out: "dist/browser",
    isHashed: (path) => !COPIED.has(path) && path !== "index.html",
    pages: ["/", ...pages.slice(1, 3).map((page) => `/#/${page}`)],
  });
}

/** Next hashes everything in `_next/static`, or names a folder there after the build. */
function next(name, count, bundler) {
  const load = (one, i) => `const W${i} = dynamic(() => import("./widgets/${one}"));\n`;
  return project({
    name,
    packages: ["next", "react"],
    photo: "app/photo.png",
    generate: (edition) => ({
      ...each(names(count), (one) => [
        `app/widgets/${one}.jsx`,
        `"use client";\n\n${widgetModule(one, edition)}`,
      ]),
      "app/widgets.jsx":
        `"use client";\n\nimport dynamic from "next/dynamic";\n\n` +
        names(count).map(load).join("") +
        listOf(count, "ul"),
    }),
    build: [["next", "build", `--${bundler}`]],
    out: "out",
    isHashed: under("_next/static/"),
    pages: ["/", "/about", "/guides/getting-started"],
  });
}

function sveltekit(name, count) {
  return project({
    name,
    packages: ["@sveltejs/kit", "svelte", "vite"],
    copied: "static",
    photo: "src/lib/photo.png",
    generate: (edition) => ({
      ...each(names(count), (one) => [
        `src/lib/widgets/${one}.svelte`,
        `<p>${one}, ${edition} edition</p>\n\n` +
          `<style>\n  p::after {\n    content: "${edition} edition";\n  }\n</style>\n`,
      ]),
      "src/lib/widgets.js":
        `const widgets = import.meta.glob("./widgets/*.svelte");\n\n` +
        `export const load = (name) => widgets[\`./widgets/\${name}.svelte\`]();\n`,
    }),
    build: [["vite", "build", "--logLevel", "warn"]],
    out: "build",
    isHashed: under("_app/immutable/"),
    pages: ["/", "/about", "/guides/getting-started"],
  });
}

function astro(name, count) {
  const load = (one, i) => `const W${i} = lazy(() => import("./widgets/${one}.jsx"));\n`;
  return project({
    name,
    packages: ["astro", "react"],
    photo: "src/photo.png",
    generate: (edition) => ({
      ...each(names(count), (one) => [
        `src/components/widgets/${one}.jsx`,
        widgetModule(one, edition),
      ]),
      "src/components/Widgets.jsx":
        `import { Suspense, lazy } from "react";\n\n` +
        names(count).map(load).join("") +
        listOf(count, "Suspense"),
    }),
    build: [["astro", "build"]],
    isHashed: under("_astro/"),
    pages: ["/", "/about/", "/guides/step-2/"],
  });
}

/** Parcel hashes all output except entry points, here the pages. */
function parcel(name, count) {
  const entries = ["index.html", "about.html"];
  const cache = ["--no-cache", "--cache-dir", ".parcel-cache"];
  return project({
    name,
    packages: ["parcel", "react"],
    photo: "src/photo.png",
    generate: (edition) => lazyReactPages(count, edition),
    build: [
      ["parcel", "build", ...entries, "--dist-dir", "dist", ...cache, "--log-level", "warn"],
      ["cp", "-r", "public/.", "dist"],
    ],
    isHashed: (path) => !COPIED.has(path) && !path.endsWith(".html"),
    pages: ["/", "/about", `/#/${names(count).at(-1)}`],
  });
}

/** Nuxt hashes everything in `_nuxt`, or names it after the build, except a pointer to that. */
function nuxt(name, count) {
  const widgets = Array.from({ length: count }, (_, i) => `widget ${i}`);
  return project({
    name,
    packages: ["nuxt", "vue"],
    photo: "app/photo.png",
    generate: (edition) => ({
      ...each(widgets, (one, i) => [
        `app/components/Widget${i}.vue`,
        `<template>${widget(one, edition)}</template>\n`,
      ]),
      "app/components/Widgets.vue":
        `<template>\n  <ul>\n` +
        widgets.map((_, i) => `    <LazyWidget${i} />\n`).join("") +
        `  </ul>\n</template>\n`,
    }),
    build: [["nuxt", "generate"]],
    out: ".output/public",
    isHashed: (path) => path.startsWith("_nuxt/") && path !== "_nuxt/builds/latest.json",
    pages: ["/", "/about", "/guides/step-2"],
  });
}

const vitepress = project({
  name: "vitepress",
  packages: ["vitepress", "vue"],
  photo: "photo.png",
  build: [["vitepress", "build"]],
  out: ".vitepress/dist",
  isHashed: under("assets/"),
  pages: ["/", "/guide/deploy", "/guide/step-2"],
});

const docusaurus = project({
  name: "docusaurus",
  packages: ["@docusaurus/core", "react"],
  copied: "static",
  photo: "src/photo.png",
  build: [["docusaurus", "build"]],
  out: "build",
  // webpack's output.
  isHashed: under("assets/"),
  pages: ["/", "/docs/intro", "/blog"],
});

const storybook = project({
  name: "storybook",
  packages: ["storybook", "vite"],
  generate: (edition) =>
    each(names(12), (name) => {
      const title = `Widgets/${name.replaceAll(/[^a-z0-9]/gi, " ")}`;
      const story =
        `import { Counter } from "./Counter.jsx";\n\n` +
        `export default { title: "${title}", component: Counter };\n\n` +
        `export const Plain = { args: { label: "${name}, ${edition} edition" } };\n`;
      return [`src/${name}.stories.jsx`, story];
    }),
  build: [["storybook", "build", "--output-dir", "dist", "--disable-telemetry"]],
  // Vite's output. Files in `sb-*` ship with Storybook under fixed names.
  isHashed: under("assets/"),
  pages: ["/", "/?path=/story/widgets-account--plain", "/iframe.html?id=widgets-account--plain"],
});

const eleventy = project({
  name: "eleventy",
  packages: ["@11ty/eleventy"],
  build: [["eleventy", "--quiet"]],
  out: "_site",
  // Output of the bundle plugin.
  isHashed: under("bundle/"),
  pages: ["/", "/about/", "/guides/step-2/"],
});

const hugo = project({
  name: "hugo",
  packages: ["hugo"],
  copied: "static",
  photo: "assets/photo.png",
  build: [["hugo", "--quiet"]],
  out: "public",
  // `fingerprint` and image processing add hashes.
  isHashed: (path) => /^(css|js)\/|^photo_hu/.test(path),
  pages: ["/", "/about/", "/guides/step-2/"],
});

/** Bundles that ship with Material for MkDocs; a release hashes their names. */
const MATERIAL =
  /^assets\/(javascripts|stylesheets)\/(workers\/)?\w+\.\w{8}\.min\.(js|css)(\.map)?$/;

function mkdocs(name, config, packages, isHashed) {
  return project({
    name,
    packages,
    copied: "docs",
    photo: "docs/photo.png",
    build: [["mkdocs", "build", "--quiet", "--config-file", config]],
    out: "site",
    isHashed,
    pages: ["/", "/guide/deploy/", "/guide/step-2/"],
  });
}

const sphinx = project({
  name: "sphinx",
  packages: ["Sphinx", "furo"],
  copied: "extra",
  photo: "photo.png",
  build: [["sphinx-build", "--quiet", ".", "_build"]],
  out: "_build",
  // Folders in `_downloads` are named by a hash of the source's path, not of its content.
  isHashed: () => false,
  pages: ["/", "/guide/deploy.html", "/genindex.html"],
});

const mdbook = project({
  name: "mdbook",
  packages: ["mdbook"],
  copied: "src",
  photo: "src/photo.png",
  build: [["mdbook", "build"]],
  out: "book",
  isHashed: (path) => /-[0-9a-f]{8}(\.min)?\.(js|css|svg|png|woff2|ico)$/.test(path),
  // mdBook inserts the name of the search index into this script after hashing it.
  isUnstable: (path) => /^searcher-[0-9a-f]{8}\.js$/.test(path),
  plain: { MDBOOK_OUTPUT__HTML__HASH_FILES: "false" },
  pages: ["/", "/guide/deploy.html", "/guide/step-2.html"],
});

const isMaterial = (path) => MATERIAL.test(path);

export const PROJECTS = [
  vite("vite", 220),
  vite("vite-small", 3),
  sveltekit("sveltekit", 20),
  sveltekit("sveltekit-small", 2),
  astro("astro", 20),
  astro("astro-small", 2),
  next("next-turbopack", 20, "turbopack"),
  next("next-webpack", 20, "webpack"),
  next("next-small", 2, "turbopack"),
  nuxt("nuxt", 20),
  nuxt("nuxt-small", 2),
  vitepress,
  angular("angular", 60),
  angular("angular-small", 3),
  docusaurus,
  parcel("parcel", 60),
  parcel("parcel-small", 3),
  esbuild("esbuild", 200, true),
  esbuild("esbuild-small", 3, false),
  storybook,
  eleventy,
  hugo,
  mkdocs("mkdocs", "default.yml", ["mkdocs"], () => false),
  mkdocs("mkdocs-material", "mkdocs.yml", ["mkdocs", "mkdocs-material"], isMaterial),
  sphinx,
  mdbook,
];
