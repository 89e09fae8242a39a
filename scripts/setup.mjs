// Installs missing tools: the wasm32 target, the npm packages and wasm-bindgen.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, TOOLS, WASM_TARGET, Explained, main, onPath, run, step } from "./lib.mjs";

/** Adds the wasm32 target to the toolchain that rust-toolchain.toml names. */
export async function rustTarget() {
  if (!onPath("cargo")) {
    throw new Explained("cargo is not on PATH; install Rust from https://rustup.rs");
  }
  const { text } = await run("rustc", ["--print", "sysroot"]);
  const sysroot = text.trim().split("\n").at(-1);
  if (existsSync(join(sysroot, "lib/rustlib", WASM_TARGET, "lib"))) return;
  if (!onPath("rustup")) {
    throw new Explained(`${sysroot} lacks ${WASM_TARGET}, and rustup is not on PATH`);
  }
  await step(`rustup target add ${WASM_TARGET}`, () =>
    run("rustup", ["target", "add", WASM_TARGET]),
  );
}

/** Installs the npm packages that package-lock.json pins. */
export async function npmPackages() {
  const stamp = join(ROOT, "node_modules/.selvedge-stamp");
  // Compared by content, because a checkout gives old files new times.
  const lock = createHash("sha256")
    .update(readFileSync(join(ROOT, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock) return;
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  await step("npm ci", async () => {
    // `ci` needs the packages of every platform, which a partial registry lacks. `install` gets the
    // same pinned versions without them.
    const clean = await run("npm", ["ci", ...quiet], { check: false });
    if (clean.code !== 0) await run("npm", ["install", "--no-save", ...quiet]);
  });
  if (!existsSync(join(ROOT, "node_modules/node/bin/node"))) {
    // If install scripts are disabled, `node` did not download its binary.
    await step("npm rebuild", () => run("npm", ["rebuild", "node", "workerd", "esbuild"]));
  }
  writeFileSync(stamp, lock);
}

/** Returns the version of `name` in Cargo.lock. */
function lockedVersion(name) {
  const lock = readFileSync(join(ROOT, "Cargo.lock"), "utf8");
  const found = lock.match(new RegExp(`name = "${name}"\nversion = "([^"]+)"`));
  if (!found) throw new Explained(`Cargo.lock has no ${name}`);
  return found[1];
}

/**
 * Compiles the wasm-bindgen command and its test runner at the version of the crate, without
 * optimisation: that takes half as long, and the command runs for a second either way. There is no
 * `--locked`, because its lock file has a yanked crate.
 */
export async function wasmBindgen() {
  const version = lockedVersion("wasm-bindgen");
  const stamp = join(TOOLS, `wasm-bindgen-${version}.stamp`);
  if (existsSync(stamp) && existsSync(join(TOOLS, "bin/wasm-bindgen"))) return;
  mkdirSync(TOOLS, { recursive: true });
  const target = join(TOOLS, "target");
  const args = ["install", "wasm-bindgen-cli", "--version", version, "--root", TOOLS, "--force"];
  const env = { CARGO_TARGET_DIR: target, CARGO_PROFILE_DEV_DEBUG: "0" };
  await step(`cargo install wasm-bindgen-cli ${version}`, () =>
    run("cargo", [...args, "--debug", "--quiet"], { env }),
  );
  rmSync(target, { recursive: true, force: true });
  writeFileSync(stamp, "");
}

export async function setup() {
  await Promise.all([npmPackages(), rustTarget().then(wasmBindgen)]);
}

if (import.meta.main ?? process.argv[1].endsWith("setup.mjs")) main(setup);
