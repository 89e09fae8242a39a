// Finds Chromium and ChromeDriver for the browser suite, and installs Debian's packages if it can.

import { Explained, onPath, run, step } from "./lib.mjs";

export const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const PACKAGES = ["chromium", "chromium-driver"];

function installed() {
  const driver = process.env.CHROMEDRIVER ?? onPath("chromedriver", "chromium.chromedriver");
  return onPath(...BROWSERS) && driver ? driver : null;
}

/** Returns the command that runs apt-get as root, or null. */
async function aptGet() {
  if (!onPath("apt-get")) return null;
  if (process.getuid?.() === 0) return ["apt-get"];
  const sudo = await run("sudo", ["-n", "true"], { check: false }).catch(() => ({ code: 1 }));
  return sudo.code === 0 ? ["sudo", "-n", "apt-get"] : null;
}

/** Resolves to the path of a ChromeDriver with an installed Chromium. */
export async function chromedriver() {
  if (installed()) return installed();
  const advice =
    "install Chromium and ChromeDriver (Debian: chromium, chromium-driver) and try again";
  const command = await aptGet();
  if (!command) throw new Explained(`the browser suite needs Chromium; ${advice}`);
  const apt = (...args) => {
    const [program, ...rest] = [...command, ...args];
    return run(program, rest, { env: { DEBIAN_FRONTEND: "noninteractive" } });
  };
  await step(`apt-get install ${PACKAGES.join(" ")}`, async () => {
    await apt("update", "-qq");
    await apt("install", "-y", "-qq", "--no-install-recommends", ...PACKAGES);
  });
  if (!installed()) throw new Explained(`apt-get installed no ChromeDriver; ${advice}`);
  return installed();
}
