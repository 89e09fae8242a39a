// Makes the corpus in build/corpus: photographs of every kind of source, and sources that must be
// refused. `node bench/media/corpus.mjs` lists it.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { BUILD, ROOT, main, step } from "../../scripts/lib.mjs";
import { adobeRgb } from "./icc.mjs";
import { photographs } from "./photographs.mjs";
import { screenshot } from "./screenshot.mjs";

export const CORPUS = join(BUILD, "corpus");

const MP12 = [4000, 3000];
const MP24 = [6000, 4000];
const SMALL = [1600, 1200];
const PROGRESSIVE = { progressive: true };
const FULL_CHROMA = { chromaSubsampling: "4:4:4" };

/** Cuts `width` by `height` pixels from an image, enlarged if it is smaller. */
function cut(path, [width, height]) {
  return sharp(path).resize(width, height, { fit: "cover" }).removeAlpha();
}

const jpeg = (name, size, options = {}) => ({
  make: (photos) => cut(photos[name], size).jpeg({ quality: 88, ...options }).toBuffer(),
});

/** A photograph as it was published. */
const original = (name) => ({ make: (photos) => readFileSync(photos[name]) });

const small = (finish) => ({ make: (photos) => finish(cut(photos.bowl, SMALL)).toBuffer() });

/** The pixels of `image` stored so that `orientation` turns them upright. */
export function turned(image, orientation) {
  const steps = [
    () => image,
    () => image.flop(),
    () => image.rotate(180),
    () => image.flip(),
    () => image.rotate(90).flip(),
    () => image.rotate(270),
    () => image.rotate(90).flop(),
    () => image.rotate(90),
  ];
  return steps[orientation - 1]().withMetadata({ orientation }).jpeg({ quality: 88 });
}

const ORIENTATIONS = [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => ({
  name: `orientation-${orientation}.jpg`,
  make: async (photos) => {
    const pixels = await cut(photos.dandelion, SMALL).png().toBuffer();
    return turned(sharp(pixels), orientation).toBuffer();
  },
}));

/** The profile is read from a file by sharp. */
async function inAdobeRgb(image) {
  const path = join(CORPUS, "adobe-rgb.icc");
  writeFileSync(path, adobeRgb());
  return image.withIccProfile(path).jpeg({ quality: 88 }).toBuffer();
}

/** Twelve parts of a photograph, as if the camera moved. */
async function animation(photos) {
  const frames = Array.from({ length: 12 }, (_, i) =>
    cut(photos.stream, [1200, 800])
      .extract({ left: 40 * i, top: 20 * i, width: 480, height: 320 })
      .png()
      .toBuffer(),
  );
  const delay = frames.map(() => 80);
  return [sharp(await Promise.all(frames), { join: { animated: true } }), { delay, loop: 0 }];
}

/** A photograph that fades out at its edges. */
function vignette(photos) {
  const [width, height] = SMALL;
  const mask = `<svg width="${width}" height="${height}"><radialGradient id="g">
    <stop offset="0.6"/><stop offset="1" stop-opacity="0"/></radialGradient>
    <rect width="100%" height="100%" fill="url(#g)"/></svg>`;
  return sharp(photos.bird)
    .resize(width, height, { fit: "cover" })
    .composite([{ input: Buffer.from(mask), blend: "dest-in" }]);
}

const kind = (name, images) => images.map((image) => ({ kind: name, ...image }));
const named = (images) => Object.entries(images).map(([name, image]) => ({ name, ...image }));

const GOOD = [
  ...kind("12 MP JPEG", named({
    "bird-12mp.jpg": jpeg("bird", MP12),
    "bridge-12mp.jpg": jpeg("bridge", MP12),
    "dandelion-12mp.jpg": jpeg("dandelion", MP12),
    "dragonfly-progressive.jpg": original("dragonfly"),
    "drum-12mp.jpg": jpeg("drum", [3000, 4000]),
    "mountain-12mp-444.jpg": jpeg("mountain", MP12, FULL_CHROMA),
    "stream-12mp.jpg": jpeg("stream", MP12),
    "stripes-12mp-444.jpg": jpeg("stripes", MP12, FULL_CHROMA),
    "sunset-progressive.jpg": original("sunset"),
  })),
  ...kind("24 MP JPEG", named({
    "bird-24mp.jpg": jpeg("bird", MP24),
    "dandelion-24mp.jpg": jpeg("dandelion", MP24),
    "dandelion-24mp-progressive.jpg": jpeg("dandelion", MP24, PROGRESSIVE),
    "sea-24mp.jpg": jpeg("sea", MP24),
    "stream-24mp.jpg": jpeg("stream", MP24),
    "stripes-24mp-444.jpg": original("stripes"),
  })),
  ...kind("12 MP PNG", named({
    "calla.png": original("calla"),
    "city.png": original("city"),
    "dandelion-12mp.png": { make: (photos) => cut(photos.dandelion, MP12).png().toBuffer() },
    "screenshot-12mp.png": { make: () => screenshot(...MP12).png().toBuffer() },
  })),
  ...kind("orientation", ORIENTATIONS),
  ...kind("other", named({
    "adobe-rgb.jpg": { make: (photos) => inAdobeRgb(cut(photos.bowl, SMALL)) },
    "animated.gif": {
      make: async (photos) => {
        const [image, options] = await animation(photos);
        return image.gif(options).toBuffer();
      },
    },
    "animated.webp": {
      make: async (photos) => {
        const [image, options] = await animation(photos);
        return image.webp(options).toBuffer();
      },
    },
    "cmyk.jpg": small((image) => image.toColourspace("cmyk").withIccProfile("cmyk").jpeg()),
    "display-p3.jpg": small((image) => image.withIccProfile("p3").jpeg({ quality: 88 })),
    "display-p3-16.png": small((image) =>
      image.toColourspace("rgb16").withIccProfile("p3").png(),
    ),
    "dogs-progressive.jpg": original("dogs"),
    "gray.jpg": small((image) => image.grayscale().jpeg()),
    "gray.png": small((image) => image.grayscale().png()),
    "gray-16.png": small((image) => image.toColourspace("grey16").png()),
    "interlaced.png": small((image) => image.png(PROGRESSIVE)),
    "lossless.webp": small((image) => image.webp({ lossless: true, effort: 1 })),
    "palette.png": small((image) => image.png({ palette: true })),
    "rgb-16.png": small((image) => image.toColourspace("rgb16").png()),
    "screenshot.jpg": { make: () => screenshot(...SMALL).jpeg(FULL_CHROMA).toBuffer() },
    "screenshot.webp": { make: () => screenshot(...SMALL).webp({ lossless: true }).toBuffer() },
    "still.gif": small((image) => image.gif()),
    "vignette.png": { make: (photos) => vignette(photos).png().toBuffer() },
    "vignette.webp": { make: (photos) => vignette(photos).webp().toBuffer() },
  })),
];

/** A PNG of 70 bytes that says it has ten thousand megapixels. */
function bomb() {
  const png = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5" +
      "ErkJggg==",
    "base64",
  );
  png.writeUInt32BE(100_000, 16);
  png.writeUInt32BE(100_000, 20);
  png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
  return png;
}

function crc32(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

const half = (bytes) => bytes.subarray(0, bytes.length >> 1);
const halfOf = (finish) => ({
  make: async (photos) => half(await finish(cut(photos.bowl, SMALL)).toBuffer()),
});

/** What a decoder does with the first five is its choice; the others can't be decoded. */
const BROKEN = kind("broken", named({
  "half.gif": halfOf((image) => image.gif()),
  "half.jpg": halfOf((image) => image.jpeg()),
  "half.png": halfOf((image) => image.png()),
  "half.webp": halfOf((image) => image.webp()),
  "half-progressive.jpg": halfOf((image) => image.jpeg(PROGRESSIVE)),
  "bomb.png": { make: bomb },
  "dandelion-24mp-progressive-444.jpg": jpeg("dandelion", MP24, {
    ...PROGRESSIVE,
    ...FULL_CHROMA,
  }),
  "empty.jpg": { make: () => Buffer.alloc(0) },
  "page.jpg": { make: () => Buffer.from("<!doctype html><title>Not an image</title>") },
  "small.avif": small((image) => image.avif({ effort: 0 })),
}));

const IMAGES = [...GOOD, ...BROKEN];

/** A change of a recipe or of sharp makes everything anew. */
function edition() {
  const files = ["corpus.mjs", "icc.mjs", "photographs.mjs", "screenshot.mjs", "package.json"];
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(join(ROOT, "bench/media", file)));
  return hash.digest("hex");
}

/** Makes what is missing; resolves to a list of `{name, kind, path}`. */
export async function corpus() {
  const stamp = join(CORPUS, "edition");
  const current = edition();
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== current) {
    rmSync(CORPUS, { recursive: true, force: true });
    mkdirSync(CORPUS, { recursive: true });
    writeFileSync(stamp, current);
  }
  const missing = IMAGES.filter(({ name }) => !existsSync(join(CORPUS, name)));
  if (missing.length > 0) {
    const photos = await photographs();
    await step(`making ${missing.length} images`, async () => {
      for (const { name, make } of missing) {
        const path = join(CORPUS, name);
        writeFileSync(`${path}.new`, await make(photos));
        renameSync(`${path}.new`, path);
      }
    });
  }
  return IMAGES.map(({ name, kind }) => ({ name, kind, path: join(CORPUS, name) }));
}

if (import.meta.main ?? process.argv[1].endsWith("corpus.mjs")) {
  main(async () => {
    for (const { name, kind, path } of await corpus()) {
      const bytes = readFileSync(path);
      const found = await sharp(path, { limitInputPixels: false }).metadata().catch(() => null);
      const size = found ? `${found.width} x ${found.pageHeight ?? found.height}` : "unreadable";
      console.log(`${name.padEnd(36)} ${kind.padEnd(12)} ${size.padEnd(16)} ${bytes.length}`);
    }
  });
}
