// Installs the pinned tools of a project, writes its sources in one of two editions, and builds it,
// all below build/frameworks.

import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync } from "node:fs";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { BUILD, ROOT, run } from "../../../scripts/lib.mjs";

const SOURCES = join(ROOT, "tests/frameworks/projects");
const WORK = join(BUILD, "frameworks");

/** Every source file contains its edition, so all output of the two builds differs. */
export const EDITIONS = ["first", "second"];

/** npm ignores later releases, which pins transitive dependencies too. */
const REGISTRY_DATE = "2026-11-21";

const QUIET = {
  ASTRO_TELEMETRY_DISABLED: "1",
  NEXT_TELEMETRY_DISABLED: "1",
  NUXT_TELEMETRY_DISABLED: "1",
  STORYBOOK_DISABLE_TELEMETRY: "1",
  NG_CLI_ANALYTICS: "false",
  GATSBY_TELEMETRY_DISABLED: "1",
  CI: "1",
  // The test runner sets both otherwise.
  NODE_ENV: "production",
  NODE_TEST_CONTEXT: "",
};

/** Returns the sorted paths of all files below `root`, including hidden ones. */
export function walk(root) {
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** Creates an empty folder. */
function emptied(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

async function installNpm(folder, manifest) {
  writeFileSync(join(folder, "package.json"), manifest);
  const args = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
  await run("npm", [...args, `--before=${REGISTRY_DATE}`], { cwd: folder });
}

async function installPip(folder, requirements) {
  const list = join(folder, "requirements.txt");
  writeFileSync(list, requirements);
  await run("python3", ["-m", "venv", join(folder, "venv")], { cwd: folder });
  const pip = join(folder, "venv/bin/pip");
  const args = ["install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", list];
  await run(pip, args, { cwd: folder });
}

async function installCargo(folder, crate) {
  const [name, version] = crate.trim().split("@");
  const args = ["install", name, "--version", version, "--locked", "--root", folder];
  await run("cargo", [...args, "--target-dir", join(folder, "target")], { cwd: folder });
  rmSync(join(folder, "target"), { recursive: true, force: true });
}

/** File with the pinned versions -> installer. */
const INSTALLERS = {
  "package.json": installNpm,
  "requirements.txt": installPip,
  "crate.txt": installCargo,
};

/** Installs the tools of `project` if needed; resolves to their folder. */
export async function install(project) {
  const folder = join(WORK, project.tools);
  const sources = join(SOURCES, project.tools);
  const file = Object.keys(INSTALLERS).find((name) => existsSync(join(sources, name)));
  const pins = readFileSync(join(sources, file), "utf8");
  const stamp = join(folder, ".installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === pins) return folder;
  await INSTALLERS[file](emptied(folder), pins);
  writeFileSync(stamp, pins);
  return folder;
}

/** Sources in which `EDITION` is replaced. */
const TEXT = /\.(html|css|jsx?|mjs|tsx?|vue|svelte|astro|mdx?|json|toml|yml|py|rst|njk|svg|txt)$/;

/** Replaces the contents of `folder` with the sources of `project`. */
function writeSources(project, edition, folder) {
  emptied(folder);
  const write = (path, content) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  };
  const from = join(SOURCES, project.tools);
  for (const path of walk(from).filter((path) => !(path in INSTALLERS))) {
    const bytes = readFileSync(join(from, path));
    const isText = TEXT.test(path);
    write(path, isText ? bytes.toString().replaceAll("EDITION", `${edition} edition`) : bytes);
  }
  for (const [path, content] of Object.entries(project.generate(edition))) write(path, content);
}

/**
 * Builds `project`; resolves to the folder to publish. `env` is added to the build's environment,
 * and `as` is the name of the output folder.
 */
export async function build(project, edition, { as = edition, env: extra = {} } = {}) {
  const tools = await install(project);
  const folder = join(tools, `sources-${project.name}`);
  writeSources(project, edition, folder);
  const env = { ...QUIET, ...extra };
  for (const [program, ...args] of project.build) {
    const places = ["node_modules/.bin", "venv/bin", "bin"];
    const files = places.map((place) => join(tools, place, program));
    const found = files.find((file) => existsSync(file)) ?? program;
    await run(found, args, { cwd: folder, env });
  }
  const out = join(WORK, "out", project.name, as);
  rmSync(out, { recursive: true, force: true });
  cpSync(join(folder, project.out), out, { recursive: true });
  return out;
}

const isHidden = (part) => part.startsWith(".") && part !== ".well-known";
const CONFIGURATION = ["_headers", "_redirects", "selvedge.toml"];

/** Returns the paths in a build that `selvedge publish` would publish. */
export function published(out) {
  const isPublished = (path) => !path.split("/").some(isHidden) && !CONFIGURATION.includes(path);
  return walk(out).filter(isPublished);
}

const digest = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");

/**
 * Checks a project's rule for hashed names against two builds of different sources. Returns the
 * contradictions:
 *
 * - a path in both builds with different bytes is not hashed, except for known bugs of the tool
 *   (`project.isUnstable`);
 * - a path in only one of the builds is hashed.
 *
 * Files that are identical in both builds prove nothing. If the tool has an option to not hash
 * names (`project.plain`), a third build checks those.
 */
export async function contradictions(project, [first, second]) {
  const [before, after] = [published(first), published(second)];
  const [inBefore, inAfter] = [new Set(before), new Set(after)];
  const changed = (path) => digest(join(first, path)) !== digest(join(second, path));
  const found = [];
  for (const path of before) {
    const isHashed = project.isHashed(path);
    if (!inAfter.has(path) && !isHashed)
      found.push(`${path}: missing after the rebuild, so its name is hashed`);
    if (inAfter.has(path) && isHashed && !project.isUnstable?.(path) && changed(path))
      found.push(`${path}: other bytes under the same name, so it is not hashed`);
  }
  for (const path of after) {
    if (!inBefore.has(path) && !project.isHashed(path))
      found.push(`${path}: new after the rebuild, so its name is hashed`);
  }
  if (!project.plain) return found;
  const plain = await build(project, EDITIONS[0], { as: "plain", env: project.plain });
  const inPlain = new Set(published(plain));
  for (const path of before) {
    if (inPlain.has(path) === project.isHashed(path))
      found.push(`${path}: the build without hashes disagrees`);
  }
  return found;
}

/** Returns the listing of a build: a mark, a tab and a path per line. */
export function listing(project, out) {
  return published(out)
    .map((path) => `${project.isHashed(path) ? "H" : "-"}\t${path}\n`)
    .join("");
}

/** Returns the names and versions of the installed packages that built a project. */
export function versions(project) {
  const folder = join(WORK, project.tools);
  return project.packages.map((name) => {
    const manifest = join(folder, "node_modules", name, "package.json");
    if (existsSync(manifest)) return `${name} ${JSON.parse(readFileSync(manifest)).version}`;
    const pins = readFileSync(join(folder, ".installed"), "utf8").split("\n");
    return pins.find((line) => line.split(/[=@]/)[0] === name).replace(/==|@/, " ");
  });
}
