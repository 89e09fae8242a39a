// Prints the results as a Markdown table.

const number = (value) => (value ?? 0).toLocaleString("en-US");

/** Heading -> cell of a row. */
const COLUMNS = {
  Build: ({ project }) => `\`${project.name}\``,
  "Made with": ({ versions }) => versions.join(", "),
  Files: ({ files }) => number(files),
  Hashed: ({ hashed }) => number(hashed),
  "`immutable`": ({ immutable }) => number(immutable),
  "Wrongly `immutable`": ({ mistaken }) => number(mistaken),
  "Replaced by the rebuild": ({ gone }) => number(gone),
  "Old hashed files still there": ({ old, hashed }) => `${number(old)} of ${number(hashed)}`,
  "Links followed": ({ links }) => number(links),
  Redirected: ({ redirected }) => number(redirected),
  "Bytes compared": ({ bytes }) => number(bytes),
};

/** Returns the rows as a table. */
export function markdown(rows) {
  const heads = Object.keys(COLUMNS);
  const cells = rows.map((row) => Object.values(COLUMNS).map((cell) => cell(row)));
  const lines = [heads, ["---", "---", ...heads.slice(2).map(() => "---:")], ...cells];
  return lines.map((line) => `| ${line.join(" | ")} |\n`).join("");
}
