// Runs the native benchmarks in bench/core and parses their output.

import { join } from "node:path";
import { ROOT, run, step } from "../scripts/lib.mjs";

const UNITS = { ns: 1, "µs": 1e3, ms: 1e6, s: 1e9 };

/** Returns the medians in nanoseconds by benchmark and argument. */
function medians(text) {
  const found = {};
  let group = "";
  for (const line of text.split("\n")) {
    const name = line.match(/^(│ {2}| {3})?[├╰]─ (.+?)\s{2,}/);
    if (!name) continue;
    if (!name[1]) group = name[2];
    const median = line.split("│").map((cell) => cell.trim());
    const times = median.filter((cell) => /^[\d.]+ (ns|µs|ms|s)$/.test(cell));
    // The last three times are the slowest, the median and the mean.
    if (times.length < 3) continue;
    const [value, unit] = times[1].split(" ");
    const full = name[1] ? `${group} ${name[2]}` : group;
    found[full] = Number((Number(value) * UNITS[unit]).toFixed(1));
  }
  return found;
}

/** Measures the core; resolves to medians in nanoseconds. */
export async function core() {
  const env = { CARGO_TARGET_DIR: join(ROOT, "target/bench") };
  const cwd = join(ROOT, "bench/core");
  const { text } = await step("the pure core", () =>
    run("cargo", ["bench", "--quiet"], { cwd, env }),
  );
  return medians(text);
}
