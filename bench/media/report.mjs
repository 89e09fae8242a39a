// Prints results as tables.

const number = (value, digits) => (value === null ? "-" : value.toFixed(digits));

function aligned(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const pad = (cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]));
  return rows.map((row) => row.map(pad).join("  ")).join("\n");
}

/** A measured value, its maximum, and whether that holds. */
function target(value, at_most, digits) {
  if (at_most === undefined) return number(value, digits);
  const mark = value !== null && value <= at_most ? "" : " MISSED";
  return `${number(value, digits)} (${at_most})${mark}`;
}

function caseTable(cases) {
  const head = ["median (target)", "ms", "sharp's", "CPU", "bytes", "SSIM", "sharp's", "loss", "MiB"];
  const rows = cases.map(({ name, medians, at_most }) => [
    name,
    number(medians.cpu_ms, 0),
    number(medians.sharp_cpu_ms, 0),
    target(medians.cpu, at_most.cpu, 2),
    target(medians.bytes, at_most.bytes, 3),
    number(medians.ssim, 4),
    number(medians.sharp_ssim, 4),
    target(medians.ssim_loss, at_most.ssim_loss, 4),
    target(medians.memory_mib, at_most.memory_mib, 1),
  ]);
  return aligned([head, ...rows]);
}

function imageTable({ name, images }) {
  const head = [name, "ms", "sharp's", "CPU", "bytes", "ratio", "SSIM", "sharp's", "MiB"];
  const rows = images.map((row) =>
    row.refused
      ? [row.image, `refused: ${row.refused}`, "", "", "", "", "", "", ""]
      : [
          row.image,
          number(row.cpu_ms, 0),
          number(row.sharp_cpu_ms, 0),
          number(row.cpu, 2),
          String(row.bytes),
          number(row.bytes_ratio, 3),
          number(row.ssim, 4),
          number(row.sharp_ssim, 4),
          number(row.memory_mib, 1),
        ],
  );
  return aligned([head, ...rows]);
}

function restTable(rest) {
  const head = ["the rest, to 400 PNG", "status", "ms", "SSIM", ""];
  const rows = rest.map((row) => [
    row.image,
    String(row.status),
    number(row.cpu_ms, 0),
    number(row.ssim ?? null, 4),
    row.holds ? "" : "MISSED",
  ]);
  return aligned([head, ...rows]);
}

function coldText({ compile_ms, first_ms, renditions_ms, at_most }) {
  const compiled = Object.entries(compile_ms).map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`);
  const later = renditions_ms.map((ms) => ms.toFixed(0)).join(", ");
  return [
    `new process: first rendition ${target(first_ms, at_most, 0)} ms; in turn ${later}`,
    `compilation: ${compiled.join(", ")}`,
  ].join("\n");
}

export function tables({ cases, rest, cold }) {
  const parts = [caseTable(cases), ...cases.map(imageTable)];
  if (rest.length > 0) parts.push(restTable(rest));
  if (cold) parts.push(coldText(cold));
  return parts.map((part) => `\n${part}\n`).join("");
}
