// The scenarios, their contestants, and the targets.

import { HOST, LARGE_BYTES, OTHER, PAGES, PAGE_BYTES, SMALLS, SMALL_BYTES } from "./contestants.mjs";

const range = (count, path) => Array.from({ length: count }, (_, i) => path(i));
const PAGE_FILES = range(PAGES, (i) => `/p/${i}.html`);
const PAGE_PATHS = range(PAGES, (i) => `/p/${i}`);
const SMALL_FILES = range(SMALLS, (i) => `/s/${i}.bin`);

const page = { status: 200, bytes: PAGE_BYTES };
const large = { path: "/large.bin", status: 200, bytes: LARGE_BYTES };
const part = { range: "bytes=500000-501023" };
const partly = { ...large, status: 206, bytes: SMALL_BYTES, headers: part };
const missing = { path: "/nothing/here", status: 404, headers: {} };

/**
 * Scenario -> contestant -> request and expected response. `paths` are requested in turn.
 * `revalidates` sends the entity tag of a first response. `reads` is the number of store requests
 * per request; a run with another number is an error.
 */
const SCENARIOS = {
  "hot page": {
    constant: { path: "/page", reads: 0, ...page },
    "one-read": { path: "/page.html", reads: 1, ...page },
    selvedge: { path: "/page", reads: 0, ...page },
    "asset-worker": { path: "/page", ...page },
    "asset-worker-now": { path: "/page", ...page },
    "kv-asset-handler": { path: "/page.html", ...page },
  },
  "hot 304": {
    selvedge: { path: "/page", reads: 0, status: 304, bytes: 0, revalidates: true },
    "asset-worker": { path: "/page", status: 304, bytes: 0, revalidates: true },
    "kv-asset-handler": { path: "/page.html", status: 304, bytes: 0, revalidates: true },
  },
  redirect: {
    selvedge: { path: "/page.html", reads: 0, status: 307, bytes: 0 },
    "asset-worker": { path: "/page.html", status: 307, bytes: 0 },
  },
  "not found": {
    selvedge: { ...missing, reads: 0, bytes: SMALL_BYTES },
    "asset-worker": { ...missing, bytes: SMALL_BYTES },
    "kv-asset-handler": { ...missing, bytes: 9 },
  },
  "action hit": {
    "one-match": { path: "/action/page", ...page },
    selvedge: { path: "/action/page", reads: 0, ...page },
  },
  "store read": {
    "one-read": { paths: PAGE_FILES, reads: 1, ...page },
    "selvedge-store": { paths: PAGE_PATHS, reads: 1, ...page },
    "asset-worker": { paths: PAGE_PATHS, ...page },
    "asset-worker-now": { paths: PAGE_PATHS, ...page },
    "kv-asset-handler-store": { paths: PAGE_FILES, ...page },
  },
  "store read, R2": {
    "one-read-r2": { paths: PAGE_FILES, reads: 1, ...page },
    "selvedge-r2": { paths: PAGE_PATHS, reads: 1, ...page },
  },
  "edge-tier hit, R2": {
    "one-match": { paths: PAGE_PATHS, ...page },
    "selvedge-edge": { paths: PAGE_PATHS, ...page },
  },
  "200 of 1 KB": {
    selvedge: { path: "/small.bin", reads: 0, status: 200, bytes: SMALL_BYTES },
    "selvedge-store": { paths: SMALL_FILES, reads: 1, status: 200, bytes: SMALL_BYTES },
    "selvedge-r2": { paths: SMALL_FILES, reads: 1, status: 200, bytes: SMALL_BYTES },
  },
  "range, 1 KB of 1 MB": {
    "selvedge-store": { ...partly, reads: 1 },
    "selvedge-r2": { ...partly, reads: 1 },
  },
  "1 MB stream": {
    "one-read": { ...large, reads: 1 },
    "one-read-r2": { ...large, reads: 1 },
    "selvedge-store": { ...large, reads: 1 },
    "selvedge-r2": { ...large, reads: 1 },
    "asset-worker": large,
    "kv-asset-handler-store": large,
  },
};

/** Fraction of reads that may be missing, because memory keeps some of the paths. */
export const KEPT_SHARE_MAX = 0.1;

/** Gaps in the measurements, and their reasons. */
export const GAPS = {
  "Cloudflare itself": "it has the same runtime, but other stores and caches",
};

/** Maximum cost of the first entry relative to the second. */
const TARGETS = [
  ["hot page", "selvedge", "hot page", "constant", 1.4],
  ["hot page", "selvedge", "hot page", "asset-worker", 0.3],
  ["hot 304", "selvedge", "hot page", "selvedge", 1.0],
  ["redirect", "selvedge", "hot page", "selvedge", 1.0],
  ["not found", "selvedge", "hot page", "selvedge", 1.0],
  ["store read", "selvedge-store", "store read", "one-read", 1.1],
  ["store read", "selvedge-store", "store read", "asset-worker", 0.75],
  ["store read, R2", "selvedge-r2", "store read, R2", "one-read-r2", 1.1],
  ["range, 1 KB of 1 MB", "selvedge-r2", "200 of 1 KB", "selvedge-r2", 1.25],
  ["range, 1 KB of 1 MB", "selvedge-store", "200 of 1 KB", "selvedge-store", 1.25],
  ["1 MB stream", "selvedge-store", "1 MB stream", "one-read", 1.05],
  ["1 MB stream", "selvedge-r2", "1 MB stream", "one-read-r2", 1.05],
];

/** Maximum time of the first core benchmark relative to the second. */
export const CORE_TARGETS = [["lookup_64 1000000", "lookup_64 100", 1.2]];

/** Returns all entries, in the order in which a round runs them. */
export function entries(only, other) {
  return Object.entries(SCENARIOS).flatMap(([scenario, contestants]) =>
    Object.entries(contestants)
      .filter(() => only.length === 0 || only.includes(scenario))
      .flatMap(([contestant, wanted]) => {
        const entry = { scenario, contestant, host: HOST, headers: {}, ...wanted };
        const isOurs = contestant.startsWith("selvedge");
        return other && isOurs ? [entry, { ...entry, contestant: OTHER + contestant }] : [entry];
      }),
  );
}

/** Returns the targets for `list`, including those that compare another build with this one. */
export function targets(list) {
  const others = list.filter(({ contestant }) => contestant.startsWith(OTHER));
  const compared = others.map(({ scenario, contestant }) => {
    return [scenario, contestant, scenario, contestant.slice(OTHER.length), 1.0];
  });
  return [...TARGETS, ...compared];
}
