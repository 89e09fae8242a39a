// The cases that MEDIA.md sets targets for. Quality is the default of each format.

export const QUALITY = { jpg: 75, webp: 75, avif: 50, png: null };

/**
 * Ratios to sharp of CPU time and bytes are at most these, SSIM is at most that much lower, and
 * linear memory is at most so many MiB.
 */
export const CASES = [
  {
    name: "12 MP JPEG to 800 JPEG",
    kind: "12 MP JPEG",
    width: 800,
    format: "jpg",
    at_most: { cpu: 1.5, bytes: 1.02, ssim_loss: 0.001, memory_mib: 16 },
  },
  {
    name: "24 MP JPEG to 800 JPEG",
    kind: "24 MP JPEG",
    width: 800,
    format: "jpg",
    at_most: { cpu: 2.0, bytes: 1.02, ssim_loss: 0.001, memory_mib: 24 },
  },
  {
    name: "12 MP JPEG to 800 WebP",
    kind: "12 MP JPEG",
    width: 800,
    format: "webp",
    at_most: { cpu: 1.6, bytes: 1.01, memory_mib: 32 },
  },
  {
    name: "12 MP PNG to 800 PNG",
    kind: "12 MP PNG",
    width: 800,
    format: "png",
    at_most: { cpu: 1.3, bytes: 0.7, memory_mib: 16 },
  },
  {
    name: "12 MP JPEG to 800 AVIF",
    kind: "12 MP JPEG",
    width: 800,
    format: "avif",
    at_most: { cpu: 0.2, memory_mib: 64 },
  },
  {
    name: "24 MP JPEG to 2400 JPEG",
    kind: "24 MP JPEG",
    width: 2400,
    format: "jpg",
    at_most: { cpu: 1.7, memory_mib: 64 },
  },
];

/** First rendition of a 12 megapixel JPEG in a new process, in milliseconds of wall time. */
export const COLD_MS_MAX = 300;
