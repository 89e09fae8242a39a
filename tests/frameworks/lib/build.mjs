// Installs a project's tools with pinned versions, writes its sources in one of two editions, and
// builds it. Everything is below build/frameworks, which is not in the repository.

import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { BUILD, run } from "../../../scripts/lib.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const SOURCES = join(HERE, "../projects");
const WORK = join(BUILD, "frameworks");

/** Every source file says which one it is from, so that everything a build makes differs. */
export const EDITIONS = ["first", "second"];

/** Packages younger than this are not installed, not even as a dependency of a pinned one. */
const REGISTRY_DATE = "2026-11-21";

const QUIET = {
  ASTRO_TELEMETRY_DISABLED: "1",
  NEXT_TELEMETRY_DISABLED: "1",
  NUXT_TELEMETRY_DISABLED: "1",
  STORYBOOK_DISABLE_TELEMETRY: "1",
  NG_CLI_ANALYTICS: "false",
  GATSBY_TELEMETRY_DISABLED: "1",
  CI: "1",
  // A build for production is what is published, whatever the test runner sets.
  NODE_ENV: "production",
  NODE_TEST_CONTEXT: "",
};

/** Paths of all files below `root`, relative to it, sorted; dot files too. */
export function walk(root) {
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** Whether the tools of `stamp` are installed in `folder`. */
function isInstalled(folder, stamp) {
  const file = join(folder, ".installed");
  return existsSync(file) && readFileSync(file, "utf8") === stamp;
}

async function installNpm(folder, manifest) {
  writeFileSync(join(folder, "package.json"), manifest);
  const args = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
  // NODE_ENV=production would leave out the tools.
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

/** How the pins of a project are written down: by whom they are installed. */
const INSTALLERS = {
  "package.json": installNpm,
  "requirements.txt": installPip,
  "crate.txt": installCargo,
};

/** Installs the tools of `project` unless they are there; resolves to their folder. */
export async function install(project) {
  const folder = join(WORK, project.tools);
  const file = Object.keys(INSTALLERS).find((name) =>
    existsSync(join(SOURCES, project.tools, name)),
  );
  const pins = readFileSync(join(SOURCES, project.tools, file), "utf8");
  if (isInstalled(folder, pins)) return folder;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await INSTALLERS[file](folder, pins);
  writeFileSync(join(folder, ".installed"), pins);
  return folder;
}

const TEXT =
  /\.(html|css|js|jsx|mjs|ts|tsx|vue|svelte|astro|md|mdx|json|toml|yml|py|rst|njk|liquid|svg|txt|config)$/;

/** Writes the sources of `project` in `edition` into `folder`, which holds nothing else after. */
function writeSources(project, edition, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const from = join(SOURCES, project.source ?? project.tools);
  for (const path of walk(from)) {
    if (["package.json", "requirements.txt", "crate.txt"].includes(path)) continue;
    const bytes = readFileSync(join(from, path));
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    const isText = TEXT.test(path);
    writeFileSync(
      file,
      isText ? bytes.toString().replaceAll("EDITION", `${edition} edition`) : bytes,
    );
  }
  for (const [path, content] of Object.entries(project.generate?.(edition) ?? {})) {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

/**
 * Builds `project` in `edition`; resolves to the folder that is to be published. `env` is added to
 * the environment of the build, and `as` names its output apart from others.
 */
export async function build(project, edition, { as = edition, env: extra = {} } = {}) {
  const tools = await install(project);
  const folder = join(tools, `sources-${project.name}`);
  writeSources(project, edition, folder);
  const path = `${tools}/node_modules/.bin:${tools}/venv/bin:${tools}/bin`;
  const env = { ...QUIET, ...extra };
  for (const [program, ...args] of project.build) {
    const found = path
      .split(":")
      .map((place) => join(place, program))
      .find((file) => existsSync(file));
    await run(found ?? program, args, { cwd: folder, env });
  }
  const out = join(WORK, "out", project.name, as);
  rmSync(out, { recursive: true, force: true });
  cpSync(join(folder, project.out), out, { recursive: true });
  return out;
}

/** Paths that the tool would publish, which are those that the CLI publishes too. */
export function published(out) {
  return walk(out).filter(
    (path) =>
      !path.split("/").some((part) => part.startsWith(".") && part !== ".well-known") &&
      !["_headers", "_redirects", "selvedge.toml"].includes(path),
  );
}

const digest = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");

/**
 * Holds a project's rule for hashed names against its two builds, in which the content of every
 * source differs. Returns the contradictions:
 *
 * - a path in both builds with different bytes is not hashed;
 * - a path in one build alone is hashed, or in a folder that is named by the build.
 *
 * A tool may break its own promise, and is excused by name (`project.isUnstable`).
 *
 * The rule decides alone only for files that both builds have, byte for byte. Where the tool can be
 * told to hash no name (`project.plain`), a third build decides for those, too.
 */
export async function contradictions(project, [first, second]) {
  const [before, after] = [published(first), published(second)];
  const [inBefore, inAfter] = [new Set(before), new Set(after)];
  const found = [];
  for (const path of before) {
    const isHashed = project.isHashed(path);
    if (!inAfter.has(path)) {
      if (!isHashed) found.push(`${path}: gone after the rebuild, so its name is hashed`);
    } else if (
      isHashed &&
      !project.isUnstable?.(path) &&
      digest(join(first, path)) !== digest(join(second, path))
    ) {
      found.push(`${path}: other bytes under the same name, so it is not hashed`);
    }
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
      found.push(`${path}: the build without hashes says otherwise`);
  }
  return found;
}

/** The listing of a build: mark, tab, path. */
export function listing(project, out) {
  return published(out)
    .map((path) => `${project.isHashed(path) ? "H" : "-"}\t${path}\n`)
    .join("");
}

/** Names and versions of the packages that made a project's output, as installed. */
export function versions(project) {
  const folder = join(WORK, project.tools);
  return project.packages.map((name) => {
    const manifest = join(folder, "node_modules", name, "package.json");
    if (existsSync(manifest)) return `${name} ${JSON.parse(readFileSync(manifest)).version}`;
    const pins = readFileSync(join(folder, ".installed"), "utf8").split("\n");
    return pins.find((line) => line.split(/[=@]/)[0] === name).replace(/==|@/, " ");
  });
}
