// Finds a Chromium and its driver for the browser suite, and brings Debian's where there is none.

import { Explained, onPath, run, step } from "./lib.mjs";

export const BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
const PACKAGES = ["chromium", "chromium-driver"];

function found() {
  const driver = process.env.CHROMEDRIVER ?? onPath("chromedriver", "chromium.chromedriver");
  return onPath(...BROWSERS) && driver ? driver : null;
}

/** Resolves to the path of a chromedriver whose Chromium is there too. */
export async function chromedriver() {
  if (found()) return found();
  const advice =
    "install Chromium and ChromeDriver (Debian: chromium, chromium-driver) and try again";
  if (!onPath("apt-get")) throw new Explained(`the browser suite needs Chromium; ${advice}`);
  const isRoot = process.getuid?.() === 0;
  const sudo = isRoot
    ? { code: 0 }
    : await run("sudo", ["-n", "true"], { check: false }).catch(() => ({ code: 1 }));
  if (sudo.code !== 0)
    throw new Explained(`the browser suite needs Chromium and this is not root; ${advice}`);
  const apt = (args) => {
    const command = ["apt-get", ...args];
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    return isRoot
      ? run(command[0], command.slice(1), { env })
      : run("sudo", ["-n", ...command], { env });
  };
  await step(`apt-get install ${PACKAGES.join(" ")}`, async () => {
    await apt(["update", "-qq"]);
    await apt(["install", "-y", "-qq", "--no-install-recommends", ...PACKAGES]);
  });
  if (!found()) throw new Explained(`apt-get brought no chromedriver; ${advice}`);
  return found();
}
