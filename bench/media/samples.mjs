// Makes the small images that are in the repository: the photograph of the site that ships, and one
// of each kind for tests. All are of one photograph in the public domain.
//
//   node bench/media/samples.mjs

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { ROOT, main } from "../../scripts/lib.mjs";
import { photographs } from "./photographs.mjs";
import { turned } from "./corpus.mjs";

const GALLERY = "www/media/dandelion.jpg";
const TESTS = "tests/media";

/** Small, but not a multiple of a JPEG's block of 16 pixels. */
const [WIDTH, HEIGHT] = [180, 120];

async function samples(path) {
  const pixels = await sharp(path).resize(WIDTH, HEIGHT).png().toBuffer();
  const image = () => sharp(pixels);
  const faded = image().ensureAlpha(0.5);
  const frames = await Promise.all(
    [0, 20, 40].map((left) => image().extract({ left, top: 0, width: 120, height: 80 }).toBuffer()),
  );
  const animation = () => sharp(frames, { join: { animated: true } });
  const times = { delay: [80, 80, 80], loop: 0 };
  const jpeg = await image().jpeg().toBuffer();
  return {
    "animated.gif": animation().gif({ ...times, colours: 32 }),
    "animated.webp": animation().webp(times),
    "broken.jpg": jpeg.subarray(0, jpeg.length >> 1),
    "cmyk.jpg": image().toColourspace("cmyk").jpeg(),
    "display-p3.jpg": image().withIccProfile("p3").jpeg(),
    "faded.png": faded.clone().png({ palette: true }),
    "faded.webp": faded.clone().webp(),
    "gray.png": image().grayscale().png(),
    "photo.jpg": image().jpeg(),
    "photo.png": image().png(),
    "photo.webp": image().webp(),
    "photo-16.png": image().resize(60, 40).toColourspace("rgb16").png(),
    "progressive.jpg": image().jpeg({ progressive: true }),
    "rotated.jpg": turned(image(), 6),
    "still.gif": image().gif({ colours: 64 }),
  };
}

main(async () => {
  const { dandelion } = await photographs();
  for (const folder of ["www/media", TESTS]) mkdirSync(join(ROOT, folder), { recursive: true });
  const gallery = sharp(dandelion).resize({ width: 2000 }).jpeg({ quality: 82, mozjpeg: true });
  writeFileSync(join(ROOT, GALLERY), await gallery.toBuffer());
  for (const [name, image] of Object.entries(await samples(dandelion))) {
    const bytes = Buffer.isBuffer(image) ? image : await image.toBuffer();
    writeFileSync(join(ROOT, TESTS, name), bytes);
  }
});
