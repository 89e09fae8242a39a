// Measures how faithful a rendition is: SSIM against an exact resize of the source.

import sharp from "sharp";

/** Radius and standard deviation of the window, as in the paper (Wang et al., 2004). */
const RADIUS = 5;
const SIGMA = 1.5;
const C1 = (0.01 * 255) ** 2;
const C2 = (0.03 * 255) ** 2;

const LOBES = 3;

/** Decodes an image to sRGB, upright, without transparency. */
async function pixels(source) {
  const image = sharp(source).autoOrient().flatten({ background: "#fff" }).toColourspace("srgb");
  const { depth, icc } = await sharp(source).metadata();
  // sharp converts 16 bits with a profile to Display P3.
  if (depth === "ushort" && icc) image.withIccProfile("srgb");
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  if (info.channels !== 3) throw new Error(`${info.channels} channels`);
  return { width: info.width, height: info.height, data };
}

const toLinear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
const ofLinear = (v) => (v <= 0.0031308 ? v * 12.92 : 1.055 * v ** (1 / 2.4) - 0.055);
const same = (v) => v;
const table = (decode) => Float32Array.from({ length: 256 }, (_, i) => decode(i / 255));

/** The light in which an engine averages pixels. */
export const LIGHTS = {
  linear: { decoded: table(toLinear), encode: ofLinear },
  gamma: { decoded: table(same), encode: same },
};

function lanczos(x) {
  if (x === 0) return 1;
  if (Math.abs(x) >= LOBES) return 0;
  const y = Math.PI * x;
  return (LOBES * Math.sin(y) * Math.sin(y / LOBES)) / (y * y);
}

/** Returns the first source pixel and the weights of each pixel of a smaller side. */
function taps(from, to) {
  const scale = Math.max(1, from / to);
  return Array.from({ length: to }, (_, i) => {
    const centre = ((i + 0.5) * from) / to - 0.5;
    const first = Math.max(0, Math.ceil(centre - LOBES * scale));
    const last = Math.min(from - 1, Math.floor(centre + LOBES * scale));
    const weights = Array.from({ length: last - first + 1 }, (_, k) =>
      lanczos((first + k - centre) / scale),
    );
    const sum = weights.reduce((a, b) => a + b);
    return { first, weights: Float32Array.from(weights, (w) => w / sum) };
  });
}

/** Resizes by Lanczos in floating point, and rounds once. */
function resized(image, width, height, { decoded, encode }) {
  const [columns, rows] = [taps(image.width, width), taps(image.height, height)];
  const stride = width * 3;
  const narrow = new Float32Array(stride * image.height);
  const line = new Float32Array(image.width * 3);
  for (let y = 0; y < image.height; y += 1) {
    const at = y * line.length;
    for (let i = 0; i < line.length; i += 1) line[i] = decoded[image.data[at + i]];
    for (let x = 0; x < width; x += 1) {
      const { first, weights } = columns[x];
      let r = 0;
      let g = 0;
      let b = 0;
      for (let k = 0; k < weights.length; k += 1) {
        const w = weights[k];
        const i = 3 * (first + k);
        r += w * line[i];
        g += w * line[i + 1];
        b += w * line[i + 2];
      }
      const to = y * stride + 3 * x;
      narrow[to] = r;
      narrow[to + 1] = g;
      narrow[to + 2] = b;
    }
  }
  const data = new Uint8ClampedArray(stride * height);
  const sums = new Float32Array(stride);
  for (let y = 0; y < height; y += 1) {
    const { first, weights } = rows[y];
    sums.fill(0);
    weights.forEach((w, k) => {
      const at = (first + k) * stride;
      for (let i = 0; i < stride; i += 1) sums[i] += w * narrow[at + i];
    });
    for (let i = 0; i < stride; i += 1) {
      data[y * stride + i] = 255 * encode(Math.max(0, sums[i]));
    }
  }
  return { width, height, data };
}

function luma({ data }) {
  const values = new Float32Array(data.length / 3);
  for (let i = 0; i < values.length; i += 1) {
    values[i] = 0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2];
  }
  return values;
}

const WINDOW = (() => {
  const weights = Array.from({ length: 2 * RADIUS + 1 }, (_, i) =>
    Math.exp(-((i - RADIUS) ** 2) / (2 * SIGMA ** 2)),
  );
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((w) => w / sum);
})();

/** Averages `values` in the window around each pixel that is not at an edge. */
function averages(values, width, height) {
  const [w, h] = [width - 2 * RADIUS, height - 2 * RADIUS];
  const wide = new Float32Array(w * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < w; x += 1) {
      let sum = 0;
      for (let k = 0; k < WINDOW.length; k += 1) sum += WINDOW[k] * values[y * width + x + k];
      wide[y * w + x] = sum;
    }
  }
  const all = new Float64Array(w * h);
  for (let k = 0; k < WINDOW.length; k += 1) {
    const weight = WINDOW[k];
    for (let i = 0; i < all.length; i += 1) all[i] += weight * wide[i + k * w];
  }
  return all;
}

/** Returns the mean structural similarity of the luma of two images of equal size. */
export function ssim(one, other) {
  const { width, height } = one;
  if (width !== other.width || height !== other.height) {
    throw new Error(`${width} x ${height} against ${other.width} x ${other.height}`);
  }
  const [a, b] = [luma(one), luma(other)];
  const of = (values) => averages(values, width, height);
  const product = (x, y) => of(x.map((value, i) => value * y[i]));
  const [ma, mb, aa, bb, ab] = [of(a), of(b), product(a, a), product(b, b), product(a, b)];
  let sum = 0;
  for (let i = 0; i < ma.length; i += 1) {
    const [mean, means] = [ma[i] * mb[i], ma[i] ** 2 + mb[i] ** 2];
    const [covariance, variances] = [ab[i] - mean, aa[i] + bb[i] - means];
    sum += ((2 * mean + C1) * (2 * covariance + C2)) / ((means + C1) * (variances + C2));
  }
  return sum / ma.length;
}

/** Returns a function that resolves to the SSIM of a rendition of `source`. */
export async function judge(source) {
  const original = await pixels(source);
  const exact = new Map();
  return async (rendition, light) => {
    const found = await pixels(rendition);
    const key = `${light} ${found.width} ${found.height}`;
    if (!exact.has(key)) {
      exact.set(key, resized(original, found.width, found.height, LIGHTS[light]));
    }
    return ssim(exact.get(key), found);
  };
}
