// Generates names of modules, images, and files whose names look hashed but are not.

import { deflateSync, crc32 } from "node:zlib";

const NOUNS = (
  "account invoice order customer product payment report dashboard message calendar ticket " +
  "project team billing shipment profile media gallery contract catalog inventory audit search " +
  "address feedback warehouse campaign deadline facade decade interface"
).split(" ");
const VIEWS = "list detail edit form table chart filter settings history summary step2 v2".split(
  " ",
);

const capital = (word) => word[0].toUpperCase() + word.slice(1);

const STYLES = [
  (noun, view) => `${noun}-${view}`,
  (noun, view) => capital(noun) + capital(view),
  (noun, view) => noun + capital(view),
  (noun, view) => `${noun}_${view}`,
  (noun, view) => `${noun}.${view}`,
];

/** Returns `count` distinct module names in the usual styles. */
export function names(count) {
  const found = NOUNS.slice(0, Math.ceil(count / 8));
  for (let i = 0; found.length < count; i += 1) {
    const noun = NOUNS[i % NOUNS.length];
    const view = VIEWS[Math.floor(i / NOUNS.length) % VIEWS.length];
    const style = STYLES[(i + Math.floor(i / NOUNS.length)) % STYLES.length];
    found.push(style(noun, view));
  }
  return found;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}

/** Returns a PNG of noise. With the default size no bundler inlines it. */
export function png(seed, size = 128) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header.writeUInt8(8, 8);
  let state = seed + 1;
  const pixels = Buffer.from(
    Array.from({ length: size * (size + 1) }, (_, i) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return i % (size + 1) === 0 ? 0 : state >>> 24;
    }),
  );
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const parts = [chunk("IHDR", header), chunk("IDAT", deflateSync(pixels))];
  return Buffer.concat([signature, ...parts, chunk("IEND", Buffer.alloc(0))]);
}

/** Returns an icon file that contains `image`. */
function ico(image) {
  const head = Buffer.from([0, 0, 1, 0, 1, 0, 32, 32, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 22, 0, 0, 0]);
  head.writeUInt32LE(image.length, 14);
  return Buffer.concat([head, image]);
}

/** Returns static files, most of them with names that resemble hashed ones. */
export function ordinary(edition) {
  const shift = edition === "first" ? 0 : 1000;
  const svg = (text) =>
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><title>${text}, ${edition}</title>` +
    `<circle cx="4" cy="4" r="4"/></svg>\n`;
  const files = {
    "favicon.ico": ico(png(7 + shift, 32)),
    "favicon.svg": svg("icon"),
    "logo-darkmode.svg": svg("logo"),
    "robots.txt": `# ${edition}\nUser-agent: *\n`,
    "service-worker.js": `// ${edition}\n`,
    "theme-DarkMode.css": `:root { --edition: "${edition}" }\n`,
    "files/decade90.css": `:root { --edition: "${edition}" }\n`,
  };
  for (const name of ["Chapter10.pdf", "Invoice2024.pdf", "report-20260131.pdf", "Q3-2026FY.pdf"])
    files[`files/${name}`] = `%PDF-1.4\n% ${name}, ${edition}\n%%EOF\n`;
  for (const name of ["Screenshot1.png", "iPhone15Pro.png", "hero-1920x1080.png"])
    files[`files/${name}`] = png(name.length + shift, 32);
  for (const name of ["userProfile2.js", "jquery-3.7.1.min.js", "app-settings.js"])
    files[`files/${name}`] = `window.loaded = "${name} ${edition}";\n`;
  return files;
}

/** Returns more of them, for the folder of a bundler's hashed files. */
export function among(folder, edition) {
  return {
    [`${folder}/Screenshot2.png`]: png(edition === "first" ? 21 : 1021, 32),
    [`${folder}/brand-wordmark.svg`]: ordinary(edition)["favicon.svg"],
    [`${folder}/print-A4.css`]: ordinary(edition)["files/decade90.css"],
  };
}
