// The projects that are built, and for each how its tool names what it makes.

import { names, ordinary, png } from "./generate.mjs";

const under = (folder) => (path) => path.startsWith(folder);

/** `files` with `folder` before each path. */
const within = (folder, files) =>
  Object.fromEntries(Object.entries(files).map(([path, content]) => [`${folder}/${path}`, content]));

/** A React page for each of `count` names; some with a style sheet, an image, a shared module. */
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

/** Vite: Rolldown writes everything it makes to `assets/`, under `[name]-[hash]`. */
function vite(name, count) {
  return {
    name,
    tools: "vite",
    packages: ["vite", "react"],
    generate: (edition) => ({
      ...reactPages(count, edition),
      ...within("public", ordinary(edition)),
    }),
    build: [["vite", "build", "--logLevel", "warn"]],
    out: "dist",
    isHashed: under("assets/"),
    pages: ["/", ...names(3).slice(1).map((page) => `/#/${page}`)],
  };
}

/** esbuild: base32, eight characters; by default entry points have no hash and chunks do. */
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

/** Angular: all it makes is hashed; next to it are the page and copies of `public`. */
function angular(name, count) {
  const copied = new Set(Object.keys(ordinary("first")));
  const pages = names(count);
  return {
    name,
    tools: "angular",
    packages: ["@angular/core", "@angular/build"],
    generate: (edition) => {
      const files = within("public", ordinary(edition));
      files["src/photo.png"] = png(edition === "first" ? 1 : 5001);
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

/** Next: `_next/static` holds nothing else; what is not hashed there is named by the build's id. */
function next(name, count, bundler) {
  return {
    name,
    tools: "next",
    packages: ["next", "react"],
    generate: (edition) => {
      const widgets = names(count);
      const files = within("public", ordinary(edition));
      files["app/photo.png"] = png(edition === "first" ? 1 : 5001);
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

/** SvelteKit: hashed files are in `_app/immutable`. */
function sveltekit(name, count) {
  return {
    name,
    tools: "sveltekit",
    packages: ["@sveltejs/kit", "svelte", "vite"],
    generate: (edition) => {
      const files = within("static", ordinary(edition));
      files["src/lib/photo.png"] = png(edition === "first" ? 1 : 5001);
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

export const PROJECTS = [
  vite("vite", 220),
  vite("vite-small", 3),
  esbuild("esbuild", 200, true),
  esbuild("esbuild-small", 3, false),
  angular("angular", 60),
  angular("angular-small", 3),
  next("next-turbopack", 20, "turbopack"),
  next("next-webpack", 20, "webpack"),
  next("next-small", 2, "turbopack"),
  sveltekit("sveltekit", 20),
  sveltekit("sveltekit-small", 2),
];
