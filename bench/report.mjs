// Formats the results as tables for a terminal and as a plot.

const percent = (share) => (share === undefined ? "" : `±${(share * 100).toFixed(0)} %`);

function columns(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const pad = (cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

const verdict = (holds) => (holds ? "holds" : "MISSED");

/** Formats all results and targets. */
export function tables({ entries, ratios, scale, vectors, core_ns, size, gaps, machine }) {
  const costs = columns([
    ["scenario", "contestant", "CPU µs", "", "requests/s", "store requests"],
    ...entries.map((entry) => [
      entry.scenario,
      entry.contestant,
      entry.cpu_us.toFixed(1),
      percent(entry.cpu_spread),
      entry.requests_per_sec.toFixed(0),
      entry.store_requests_per_request.toFixed(2),
    ]),
  ]);
  const compared = columns([
    ["scenario", "against", "ratio", "", "at most", ""],
    ...ratios.map(({ scenario, contestant, against, ratio, spread, at_most, holds }) => {
      const prefix = against.scenario === scenario ? "" : `${against.scenario}, `;
      const numbers = [ratio.toFixed(2), percent(spread), at_most.toFixed(2)];
      return [
        `${scenario}, ${contestant}`,
        prefix + against.contestant,
        ...numbers,
        verdict(holds),
      ];
    }),
  ]);
  const core = Object.entries(core_ns).map(([name, ns]) => [name, "", `${ns} ns`]);
  const missing = Object.entries(gaps).map(([name, why]) => `not measured: ${name}: ${why}`);
  const rows = Object.entries(vectors).map(([name, row]) => `${row.passed} of ${row.of} ${name}`);
  const { gzip_bytes, instantiation_ms } = size;
  const { processor, processors, memory_gib, runtime } = machine;
  const sections = [
    costs,
    ratios.length && compared,
    scale.sizes.length && scaleTables(scale),
    core.length && columns([["the pure core, natively", "", "median"], ...core]),
    [
      ...(rows.length ? [`vectors on this build: ${rows.join(", ")}`] : []),
      `wasm and glue: ${gzip_bytes} bytes compressed; instantiated in ${instantiation_ms} ms`,
      ...missing,
      `${processors} x ${processor}, ${memory_gib} GiB, ${runtime}`,
    ].join("\n"),
  ];
  return `\n${sections.filter(Boolean).join("\n\n")}\n`;
}

/** Formats the results and targets of sites with many paths. */
export function scaleTables({ sizes, targets }) {
  const mib = (value) => value.toFixed(1);
  const memory = columns([
    ["paths", "shards", "wasm", "heap", "buffers", "together", "highest", "RSS grown"],
    ...sizes.map(({ paths, shards, memory_mib, rss_grown_mib }) => {
      const { wasm, heap, buffers, together, highest } = memory_mib;
      const sums = [wasm, heap, buffers, together, highest, rss_grown_mib].map(mib);
      return [String(paths), String(shards), ...sums];
    }),
  ]);
  const requests = columns([
    ["paths", "cold", "hot", "304", "unknown path", "random path", "CPU µs"],
    ...sizes.map(({ paths, store_requests, random }) => {
      const { cold, hot, not_modified, unknown } = store_requests;
      const counts = [cold, hot, not_modified, unknown].map(String);
      return [String(paths), ...counts, random.store_requests.toFixed(2), mib(random.cpu_us)];
    }),
  ]);
  const compared = columns([
    ["paths", "", "is", "at most", ""],
    ...targets.map(({ paths, what, is, at_most, holds }) => {
      return [String(paths), what, String(is), String(at_most), verdict(holds)];
    }),
  ]);
  return `memory in MiB after every shard and 20,000 random paths; highest: with garbage
${memory}

store requests per request, and the cost of a random one
${requests}

${compared}`;
}

const WIDTH = 760;
const LEFT = 190;
const BAR = 15;
const GAP = 5;
const SCENARIO = 24;

const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };
const escape = (text) => String(text).replace(/[&<>]/g, (character) => ENTITIES[character]);

function bar(entry, y, scale) {
  const width = Math.max(1, entry.cpu_us * scale);
  const kind = entry.contestant.startsWith("selvedge") ? "ours" : "other";
  const name = escape(entry.contestant);
  return `  <text x="${LEFT - 8}" y="${y + BAR - 3}" text-anchor="end">${name}</text>
  <rect class="${kind}" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2"/>
  <text x="${(LEFT + width + 6).toFixed(1)}" y="${y + BAR - 3}">${entry.cpu_us.toFixed(0)}</text>`;
}

/** Draws a bar for each contestant, grouped by scenario. */
export function svg({ entries, machine, load }) {
  // Entries of milliseconds would make the others invisible.
  const drawn = entries.filter((entry) => entry.cpu_us < 1000);
  const most = Math.max(...drawn.map((entry) => entry.cpu_us));
  const scale = (WIDTH - LEFT - 60) / most;
  const parts = [];
  let y = 44;
  let scenario = null;
  for (const entry of drawn) {
    if (entry.scenario !== scenario) {
      scenario = entry.scenario;
      y += SCENARIO;
      parts.push(`  <text class="group" x="12" y="${y - 6}">${escape(scenario)}</text>`);
    }
    parts.push(bar(entry, y, scale));
    y += BAR + GAP;
  }
  const { processors, processor, runtime } = machine;
  const caption = `${processors} x ${processor}, ${runtime}, ${load.connections} connections`;
  const title = "CPU time of the server per request, in microseconds (medians)";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 30}"
    role="img" aria-label="${title}">
  <style>
    svg { background: #fff } text { font: 12px system-ui, sans-serif; fill: #222 }
    .title { font-size: 15px; font-weight: 600 } .group { font-weight: 600 } .small { fill: #666 }
    .ours { fill: #1b7f5c } .other { fill: #b8bec6 }
    @media (prefers-color-scheme: dark) {
      svg { background: #15181b } text { fill: #e4e6e8 } .small { fill: #9aa0a6 }
      .ours { fill: #3fbf93 } .other { fill: #5b636b }
    }
  </style>
  <text class="title" x="12" y="24">${title}</text>
  <text class="small" x="12" y="42">${escape(caption)}</text>
${parts.join("\n")}
</svg>
`;
}
