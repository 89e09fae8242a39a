// Has the real packages of frameworks make URLs of images, with the code that docs/media.md shows,
// and requests each of them. Equal entity tags prove that a URL gets the expected rendition.

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { ROOT, node, run } from "../../scripts/lib.mjs";
import { publish } from "../e2e/lib/cli.mjs";
import { scratch, start } from "../e2e/lib/worker.mjs";
import loader from "./next/loader.js";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const require = createRequire(import.meta.url);
const PHOTO = readFileSync(join(ROOT, "www/media/dandelion.jpg"));
const SITE = {
  "index.html": "<!doctype html>",
  "photo.jpg": PHOTO,
  "selvedge.toml": '[media]\nadapters = ["netlify", "next", "vercel"]\n',
};
/** Widths of unpic, Next and Astro that are not listed become the next that is. */
const LISTED = [32, 48, 64, 96, 128, 256, 384, 640, 750, 828, 1080, 1200, 1920, 2048, 3840];
const snapped = (width) => LISTED.find((listed) => listed >= width);

let worker;
before(async () => {
  worker = await start();
  await publish(worker, "www", SITE);
});
after(() => worker?.stop());

/** Returns the URLs of a `srcset`. */
const urlsOf = (srcset) => srcset.split(/,\s+/).map((candidate) => candidate.split(" ")[0]);

/** Returns the URLs of all images of a page, in order and each once. */
function imagesOf(html) {
  const values = [...html.matchAll(/ (src|srcset)="([^"]*)"/gi)];
  const text = (value) => value.replaceAll("&amp;", "&");
  const urls = values.flatMap(([, name, value]) =>
    name.toLowerCase() === "srcset" ? urlsOf(text(value)) : [text(value)],
  );
  return [...new Set(urls)];
}

/** Requests URLs; asserts that each gets the rendition that `expected` returns for it. */
async function check(site, urls, expected) {
  assert.ok(urls.length > 0);
  for (const url of urls) {
    const [found, wanted] = [await read(site, url), await read(site, expected(url))];
    assert.equal(found.status, 200, `${url}: ${found.status} ${found.text.slice(0, 200)}`);
    assert.match(found.headers.value("content-type"), /^image\/(avif|webp)$/, url);
    const etag = found.headers.value("etag");
    assert.equal(etag, wanted.headers.value("etag"), `${url} and ${expected(url)}`);
  }
}

const ACCEPT = { accept: "image/avif,image/webp,*/*" };
const read = (site, path) => worker.get(site, path, { headers: ACCEPT, timeoutMs: 60_000 });

const query = (url) => new URL(url, "http://site.test").searchParams;
const widthOf = (url) => snapped(Number(query(url).get("w")));
const sized = (url) => `/_media/photo.jpg?w=${widthOf(url)}`;

test("next/image with the loader of the documentation", async () => {
  const { getImageProps } = require("next/image");
  const options = { src: "/photo.jpg", width: 640, height: 360, alt: "", loader };
  for (const sizes of [undefined, "50vw"]) {
    const { props } = getImageProps({ ...options, sizes });
    await check("www", [props.src, ...urlsOf(props.srcSet)], sized);
  }
});

test("the URLs that next/image makes itself", async () => {
  const { getImageProps } = require("next/image");
  const { props } = getImageProps({ src: "/photo.jpg", width: 640, height: 360, alt: "" });
  assert.match(props.src, /^\/_next\/image\?/);
  await check("www", [props.src, ...urlsOf(props.srcSet)], sized);
});

test("@unpic/react with its imgix provider", async () => {
  const { renderToStaticMarkup } = require("react-dom/server");
  const { photo } = await import("./unpic/photo.js");
  const urls = imagesOf(renderToStaticMarkup(photo));
  assert.ok(urls.length > 5 && urls.every((url) => url.startsWith("/_media/photo.jpg?")));
  await check("www", urls, (url) => `/_media/photo.jpg?w=${widthOf(url)}&ar=4:3&fit=min`);
});

test("unpic with the providers of other hosts", async () => {
  const { transformUrl } = await import("unpic");
  for (const [provider, prefix] of [
    ["netlify", "/.netlify/images?"],
    ["vercel", "/_vercel/image?"],
    ["nextjs", "/_next/image?"],
  ]) {
    const url = transformUrl({ url: "/photo.jpg", provider, width: 640 });
    assert.ok(url.startsWith(prefix), url);
    // Netlify's has `fit=cover`, which has no box here, and enlarges.
    const fit = query(url).has("fit") ? "&fit=clip" : "";
    await check("www", [url], () => `/_media/photo.jpg?w=640${fit}`);
  }
});

test("an image service of Astro", async () => {
  const root = scratch("selvedge-astro-");
  cpSync(join(HERE, "astro"), root, { recursive: true });
  symlinkSync(join(HERE, "node_modules"), join(root, "node_modules"));
  for (const folder of ["src/images", "public"]) mkdirSync(join(root, folder));
  for (const file of ["src/images/photo.jpg", "public/photo.jpg"]) {
    writeFileSync(join(root, file), PHOTO);
  }
  writeFileSync(join(root, "public/selvedge.toml"), "[media]\n");
  const astro = join(root, "node_modules/astro/bin/astro.mjs");
  await run(node(), [astro, "build"], { cwd: root, env: { ASTRO_TELEMETRY_DISABLED: "1" } });
  const urls = imagesOf(readFileSync(join(root, "dist/index.html"), "utf8"));
  assert.ok(urls.some((url) => /^\/_media\/_astro\/photo\.[\w-]+\.jpg\?w=640$/.test(url)));
  assert.ok(urls.some((url) => url.endsWith("?w=640&h=480&fit=crop")));
  assert.ok(urls.includes("/_media/photo.jpg?w=750"));
  assert.ok(urls.length > 6, urls.join("\n"));
  await publish(worker, "astro", join(root, "dist"));
  await check("astro", urls, (url) => {
    const shape = query(url).has("h") ? "&ar=4:3&fit=crop" : "";
    return `/_media/photo.jpg?w=${widthOf(url)}${shape}`;
  });
  const { headers } = await read("astro", urls.find((url) => url.includes("_astro")));
  assert.match(headers.value("cache-control"), /immutable/);
});

test("Nuxt Image with its imgix provider", async () => {
  globalThis.defineNuxtConfig = (config) => config;
  const { default: config } = await import("./nuxt/nuxt.config.js");
  const { provider, [provider]: defaults } = config.image;
  assert.deepEqual(config.modules, ["@nuxt/image"]);
  const { createImage } = await import("@nuxt/image/runtime");
  const { default: setup } = await import(`@nuxt/image/runtime/providers/${provider}`);
  // What the module makes of the configuration.
  const image = createImage({
    ...{ provider, providers: { [provider]: { setup, defaults } } },
    ...{ presets: {}, alias: {}, domains: [], densities: [1, 2], screens: { sm: 640, lg: 1024 } },
  });
  const urls = urlsOf(image.getSizes("/photo.jpg", { sizes: "sm:50vw lg:400px" }).srcset);
  await check("www", [image("/photo.jpg", { width: 640 }), ...urls], sized);
  const cropped = image("/photo.jpg", { width: 640, height: 480, fit: "cover" });
  await check("www", [cropped], () => "/_media/photo.jpg?w=640&ar=4:3&fit=crop");
  const webp = image("/photo.jpg", { width: 640, format: "webp" });
  await check("www", [webp], () => "/_media/photo.jpg?w=640&fm=webp");
});

test("the documentation shows this code", () => {
  const page = readFileSync(join(ROOT, "docs/media.md"), "utf8");
  for (const file of [
    "next/loader.js",
    "next/next.config.js",
    "unpic/photo.js",
    "astro/astro.config.mjs",
    "astro/src/selvedge.js",
    "nuxt/nuxt.config.js",
  ]) {
    const code = readFileSync(join(HERE, file), "utf8");
    assert.ok(page.includes(`\n\`\`\`js\n${code}\`\`\`\n`), `docs/media.md does not have ${file}`);
  }
});
