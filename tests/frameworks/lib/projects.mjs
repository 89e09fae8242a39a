// The projects, each with the rule by which its tool hashes names (`isHashed`).

import { among, names, ordinary, png } from "./generate.mjs";

const under = (folder) => (path) => path.startsWith(folder);

/** Moves `files` into `folder`. */
const within = (folder, files) =>
  Object.fromEntries(
    Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]),
  );

const photo = (edition) => png(edition === "first" ? 1 : 5001);

/** Returns `count` React pages, some with a style sheet, an image or a shared module. */
function reactPages(count, edition, folder = "src/pages") {
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

/** Vite writes all output except pages to `assets/`, as `[name]-[hash]`. */
function vite(name, count) {
  const copied = new Set(Object.keys(among("assets", "first")));
  return {
    name,
    tools: "vite",
    packages: ["vite", "react"],
    generate: (edition) => ({
      ...reactPages(count, edition),
      ...within("public", { ...ordinary(edition), ...among("assets", edition) }),
    }),
    build: [["vite", "build", "--logLevel", "warn"]],
    out: "dist",
    isHashed: (path) => path.startsWith("assets/") && !copied.has(path),
    pages: [
      "/",
      ...names(3)
        .slice(1)
        .map((page) => `/#/${page}`),
    ],
  };
}

/** esbuild hashes chunks and assets, and entry points only on request (`isWhole`). */
function esbuild(name, count, isWhole) {
  const copied = new Set(Object.keys(ordinary("first")));
  const isEntry = (path) => /^(main|admin)\.(js|css)(\.map)?$/.test(path);
  return {
    name,
    tools: "esbuild",
    packages: ["esbuild", "react"],
    generate: (edition) => ({
      ...reactPages(count, edition),
      ...within("public", ordinary(edition)),
      "src/pages.js": `export const pages = {\n${names(count)
        .map((page) => `  "${page}": () => import("./pages/${page}.jsx"),\n`)
        .join("")}};\n`,
    }),
    build: [["node", "build.mjs", isWhole ? "hashed" : "default"]],
    out: "dist",
    isHashed: isWhole
      ? under("static/")
      : (path) => !copied.has(path) && !path.endsWith(".html") && !isEntry(path),
    pages: ["/", "/admin", `/#/${names(count).at(-1)}`],
  };
}

/** Angular hashes all output except the page. */
function angular(name, count) {
  const copied = new Set(Object.keys(ordinary("first")));
  const pages = names(count);
  return {
    name,
    tools: "angular",
    packages: ["@angular/core", "@angular/build"],
    generate: (edition) => {
      const files = within("public", ordinary(edition));
      files["src/photo.png"] = photo(edition);
      const routes = pages.map((page, i) => {
        files[`src/app/pages/${page}.ts`] =
          `import { Component } from "@angular/core";\n\n` +
          `@Component({ template: "<p>${page}, ${edition} edition</p>" })\n` +
          `export class Page${i} {}\n`;
        const load = `import("./pages/${page}").then((module) => module.Page${i})`;
        return `  { path: "${page}", loadComponent: () => ${load} },\n`;
      });
      files["src/app/routes.ts"] =
        `import type { Routes } from "@angular/router";\n\n` +
        `export const routes: Routes = [\n${routes.join("")}];\n`;
      return files;
    },
    build: [["ng", "build", "--progress=false"]],
    out: "dist/browser",
    isHashed: (path) => !copied.has(path) && path !== "index.html",
    pages: ["/", ...pages.slice(1, 3).map((page) => `/#/${page}`)],
  };
}

/** Next hashes everything in `_next/static`, or names a folder there after the build. */
function next(name, count, bundler) {
  return {
    name,
    tools: "next",
    packages: ["next", "react"],
    generate: (edition) => {
      const widgets = names(count);
      const files = within("public", ordinary(edition));
      files["app/photo.png"] = photo(edition);
      for (const widget of widgets)
        files[`app/widgets/${widget}.jsx`] =
          `"use client";\n\nexport default function Widget() {\n` +
          `  return <li>${widget}, ${edition} edition</li>;\n}\n`;
      files["app/widgets.jsx"] =
        `"use client";\n\nimport dynamic from "next/dynamic";\n\n` +
        widgets
          .map((widget, i) => `const W${i} = dynamic(() => import("./widgets/${widget}"));\n`)
          .join("") +
        `\nexport function Widgets() {\n  return (\n    <ul>\n` +
        widgets.map((_, i) => `      <W${i} />\n`).join("") +
        `    </ul>\n  );\n}\n`;
      return files;
    },
    build: [["next", "build", `--${bundler}`]],
    out: "out",
    isHashed: under("_next/static/"),
    pages: ["/", "/about", "/guides/getting-started"],
  };
}

function sveltekit(name, count) {
  return {
    name,
    tools: "sveltekit",
    packages: ["@sveltejs/kit", "svelte", "vite"],
    generate: (edition) => {
      const files = within("static", ordinary(edition));
      files["src/lib/photo.png"] = photo(edition);
      for (const widget of names(count))
        files[`src/lib/widgets/${widget}.svelte`] =
          `<p>${widget}, ${edition} edition</p>\n\n` +
          `<style>\n  p::after {\n    content: "${edition} edition";\n  }\n</style>\n`;
      files["src/lib/widgets.js"] =
        `const widgets = import.meta.glob("./widgets/*.svelte");\n\n` +
        `export const load = (name) => widgets[\`./widgets/\${name}.svelte\`]();\n`;
      return files;
    },
    build: [["vite", "build", "--logLevel", "warn"]],
    out: "build",
    isHashed: under("_app/immutable/"),
    pages: ["/", "/about", "/guides/getting-started"],
  };
}

function astro(name, count) {
  return {
    name,
    tools: "astro",
    packages: ["astro", "react"],
    generate: (edition) => {
      const files = within("public", ordinary(edition));
      files["src/photo.png"] = photo(edition);
      const widgets = names(count);
      for (const widget of widgets)
        files[`src/components/widgets/${widget}.jsx`] =
          `export default function Widget() {\n  return <li>${widget}, ${edition} edition</li>;\n}\n`;
      files["src/components/Widgets.jsx"] =
        `import { Suspense, lazy } from "react";\n\n` +
        widgets
          .map((widget, i) => `const W${i} = lazy(() => import("./widgets/${widget}.jsx"));\n`)
          .join("") +
        `\nexport function Widgets() {\n  return (\n    <Suspense>\n` +
        widgets.map((_, i) => `      <W${i} />\n`).join("") +
        `    </Suspense>\n  );\n}\n`;
      return files;
    },
    build: [["astro", "build"]],
    out: "dist",
    isHashed: under("_astro/"),
    pages: ["/", "/about/", "/guides/step-2/"],
  };
}

/** Parcel hashes all output except entry points, here the pages. */
function parcel(name, count) {
  const copied = new Set(Object.keys(ordinary("first")));
  return {
    name,
    tools: "parcel",
    packages: ["parcel", "react"],
    generate: (edition) => ({
      ...reactPages(count, edition),
      ...within("public", ordinary(edition)),
      "src/photo.png": photo(edition),
      "src/pages.js": `export const pages = {\n${names(count)
        .map((page) => `  "${page}": () => import("./pages/${page}.jsx"),\n`)
        .join("")}};\n`,
    }),
    build: [
      [
        "parcel",
        "build",
        "index.html",
        "about.html",
        "--dist-dir",
        "dist",
        "--no-cache",
        "--cache-dir",
        ".parcel-cache",
        "--log-level",
        "warn",
      ],
      ["cp", "-r", "public/.", "dist"],
    ],
    out: "dist",
    isHashed: (path) => !copied.has(path) && !path.endsWith(".html"),
    pages: ["/", "/about", `/#/${names(count).at(-1)}`],
  };
}

const vitepress = {
  name: "vitepress",
  tools: "vitepress",
  packages: ["vitepress", "vue"],
  generate: (edition) => ({
    ...within("public", ordinary(edition)),
    "photo.png": photo(edition),
  }),
  build: [["vitepress", "build"]],
  out: ".vitepress/dist",
  isHashed: under("assets/"),
  pages: ["/", "/guide/deploy", "/guide/step-2"],
};

/** Nuxt hashes everything in `_nuxt`, or names it after the build, except a pointer to that. */
function nuxt(name, count) {
  return {
    name,
    tools: "nuxt",
    packages: ["nuxt", "vue"],
    generate: (edition) => {
      const files = within("public", ordinary(edition));
      files["app/photo.png"] = photo(edition);
      for (let i = 0; i < count; i += 1)
        files[`app/components/Widget${i}.vue`] =
          `<template><li>widget ${i}, ${edition} edition</li></template>\n`;
      files["app/components/Widgets.vue"] =
        `<template>\n  <ul>\n` +
        Array.from({ length: count }, (_, i) => `    <LazyWidget${i} />\n`).join("") +
        `  </ul>\n</template>\n`;
      return files;
    },
    build: [["nuxt", "generate"]],
    out: ".output/public",
    isHashed: (path) => path.startsWith("_nuxt/") && path !== "_nuxt/builds/latest.json",
    pages: ["/", "/about", "/guides/step-2"],
  };
}

const docusaurus = {
  name: "docusaurus",
  tools: "docusaurus",
  packages: ["@docusaurus/core", "react"],
  generate: (edition) => ({
    ...within("static", ordinary(edition)),
    "src/photo.png": photo(edition),
  }),
  build: [["docusaurus", "build"]],
  out: "build",
  // webpack's output.
  isHashed: under("assets/"),
  pages: ["/", "/docs/intro", "/blog"],
};

const storybook = {
  name: "storybook",
  tools: "storybook",
  packages: ["storybook", "vite"],
  generate: (edition) => {
    const files = within("public", ordinary(edition));
    for (const name of names(12))
      files[`src/${name}.stories.jsx`] =
        `import { Counter } from "./Counter.jsx";\n\n` +
        `export default { title: "Widgets/${name.replaceAll(/[^a-z0-9]/gi, " ")}", component: Counter };\n\n` +
        `export const Plain = { args: { label: "${name}, ${edition} edition" } };\n`;
    return files;
  },
  build: [["storybook", "build", "--output-dir", "dist", "--disable-telemetry"]],
  out: "dist",
  // Vite's output. Files in `sb-*` ship with Storybook under fixed names.
  isHashed: under("assets/"),
  pages: ["/", "/?path=/story/widgets-account--plain", "/iframe.html?id=widgets-account--plain"],
};

const eleventy = {
  name: "eleventy",
  tools: "eleventy",
  packages: ["@11ty/eleventy"],
  generate: (edition) => within("public", ordinary(edition)),
  build: [["eleventy", "--quiet"]],
  out: "_site",
  // Output of the bundle plugin.
  isHashed: under("bundle/"),
  pages: ["/", "/about/", "/guides/step-2/"],
};

const hugo = {
  name: "hugo",
  tools: "hugo",
  packages: ["hugo"],
  generate: (edition) => ({
    ...within("static", ordinary(edition)),
    "assets/photo.png": photo(edition),
  }),
  build: [["hugo", "--quiet"]],
  out: "public",
  // `fingerprint` and image processing add hashes.
  isHashed: (path) => /^(css|js)\/|^photo_hu/.test(path),
  pages: ["/", "/about/", "/guides/step-2/"],
};

/** Bundles that ship with Material for MkDocs; a release hashes their names. */
const MATERIAL =
  /^assets\/(javascripts|stylesheets)\/(workers\/)?\w+\.\w{8}\.min\.(js|css)(\.map)?$/;

function mkdocs(name, config, packages, isHashed) {
  return {
    name,
    tools: "mkdocs",
    packages,
    generate: (edition) => ({
      ...within("docs", ordinary(edition)),
      "docs/photo.png": photo(edition),
    }),
    build: [["mkdocs", "build", "--quiet", "--config-file", config]],
    out: "site",
    isHashed,
    pages: ["/", "/guide/deploy/", "/guide/step-2/"],
  };
}

const sphinx = {
  name: "sphinx",
  tools: "sphinx",
  packages: ["Sphinx", "furo"],
  generate: (edition) => ({
    ...within("extra", ordinary(edition)),
    "photo.png": photo(edition),
  }),
  build: [["sphinx-build", "--quiet", ".", "_build"]],
  out: "_build",
  // Folders in `_downloads` are named by a hash of the source's path, not of its content.
  isHashed: () => false,
  pages: ["/", "/guide/deploy.html", "/genindex.html"],
};

const mdbook = {
  name: "mdbook",
  tools: "mdbook",
  packages: ["mdbook"],
  generate: (edition) => ({
    ...within("src", ordinary(edition)),
    "src/photo.png": photo(edition),
  }),
  build: [["mdbook", "build"]],
  out: "book",
  isHashed: (path) => /-[0-9a-f]{8}(\.min)?\.(js|css|svg|png|woff2|ico)$/.test(path),
  // mdBook inserts the name of the search index into this script after hashing it.
  isUnstable: (path) => /^searcher-[0-9a-f]{8}\.js$/.test(path),
  plain: { MDBOOK_OUTPUT__HTML__HASH_FILES: "false" },
  pages: ["/", "/guide/deploy.html", "/guide/step-2.html"],
};

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
  mkdocs("mkdocs-material", "mkdocs.yml", ["mkdocs", "mkdocs-material"], (path) =>
    MATERIAL.test(path),
  ),
  sphinx,
  mdbook,
];
