// Draws a window with text, tables and flat colours, as screenshots have. The text is that of the
// licence, in whichever monospaced font the machine has.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { ROOT } from "../../scripts/lib.mjs";

const COLOURS = ["#cdd6f4", "#89b4fa", "#a6e3a1", "#f9e2af", "#f38ba8"];
/** Size of the drawing, which is scaled. */
const WIDTH = 1600;
const HEIGHT = 1200;
const LINE = 18;

const escaped = (text) => text.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`);

function lines(x, y, count, colourOf) {
  const text = readFileSync(join(ROOT, "LICENSE-APACHE"), "utf8").split("\n").slice(0, count);
  return text.map(
    (line, i) =>
      `<text x="${x}" y="${y + LINE * i}" fill="${colourOf(i)}" font-size="14"
         font-family="monospace" xml:space="preserve">${escaped(line)}</text>`,
  );
}

function table(x, y) {
  return Array.from({ length: 24 }, (_, i) => {
    const top = y + 36 * i;
    const bar = 40 + ((i * 37) % 220);
    return `<rect x="${x}" y="${top}" width="560" height="36" fill="${i % 2 ? "#fff" : "#f1f3f5"}"/>
      <text x="${x + 16}" y="${top + 23}" font-size="14" font-family="sans-serif">Row ${i}</text>
      <rect x="${x + 120}" y="${top + 10}" width="${bar}" height="16" rx="4"
        fill="hsl(${i * 15} 70% 55%)"/>
      <circle cx="${x + 530}" cy="${top + 18}" r="7" fill="#228be6"/>`;
  });
}

/** Returns the drawing as a sharp image without transparency. */
export function screenshot(width, height) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"
      viewBox="0 0 ${WIDTH} ${HEIGHT}">
    <rect width="100%" height="100%" fill="#f8f9fa"/>
    <rect width="100%" height="44" fill="#343a40"/>
    <rect y="44" width="960" height="100%" fill="#1e1e2e"/>
    ${lines(24, 76, 62, (i) => COLOURS[(i >> 1) % COLOURS.length]).join("")}
    ${table(1000, 160).join("")}
  </svg>`;
  return sharp(Buffer.from(svg)).removeAlpha();
}
