// Prints the results as a Markdown table.

const HEADS = [
  "Build",
  "Made with",
  "Files",
  "Hashed",
  "`immutable`",
  "Wrongly `immutable`",
  "Replaced by the rebuild",
  "Old hashed files still there",
  "Links followed",
  "Redirected",
  "Bytes compared",
];

const number = (value) => (value ?? 0).toLocaleString("en-US");

function cells({ project, versions, ...row }) {
  return [
    `\`${project.name}\``,
    versions.join(", "),
    number(row.files),
    number(row.hashed),
    number(row.immutable),
    number(row.mistaken),
    number(row.gone),
    `${number(row.old)} of ${number(row.hashed)}`,
    number(row.links),
    number(row.redirected),
    number(row.bytes),
  ];
}

/** Returns the rows as a table. */
export function markdown(rows) {
  const lines = [HEADS, ["---", "---", ...HEADS.slice(2).map(() => "---:")], ...rows.map(cells)];
  return lines.map((line) => `| ${line.join(" | ")} |\n`).join("");
}
