// Loads pages in headless Chromium over WebDriver, and collects console errors and failed requests.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { chromedriver } from "../../../scripts/chromium.mjs";
import { ROOT, freePort } from "../../../scripts/lib.mjs";

/** A page has settled after this long without network activity. */
const QUIET_MS = 500;
/** The same while requests are open: DevTools doesn't report the end of a web worker's requests. */
const QUIET_OPEN_MS = 2_000;
const SETTLE_MS_MAX = 20_000;
/** A script in a page may take this long: twenty new renditions on a busy machine. */
const SCRIPT_MS_MAX = 120_000;

const OPTIONS = JSON.parse(readFileSync(join(ROOT, "webdriver.json"), "utf8"))[
  "goog:chromeOptions"
];
const CAPABILITIES = {
  alwaysMatch: {
    browserName: "chrome",
    timeouts: { script: SCRIPT_MS_MAX },
    "goog:chromeOptions": OPTIONS,
    "goog:loggingPrefs": { browser: "ALL", performance: "ALL" },
  },
};

class Browser {
  constructor(url, child) {
    this.url = url;
    this.child = child;
  }

  async call(method, path, body) {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`);
    return value;
  }

  async open() {
    const { sessionId } = await this.call("POST", "/session", { capabilities: CAPABILITIES });
    this.session = `/session/${sessionId}`;
    return this;
  }

  logs(type) {
    return this.call("POST", `${this.session}/se/log`, { type });
  }

  /** Runs an async function in the page, and resolves to its result. */
  async run(work, ...args) {
    const script = `const done = [...arguments].pop();
      Promise.resolve().then(() => (${work})(...arguments))
        .then((value) => done({ value }), (error) => done({ error: String(error) }));`;
    const found = await this.call("POST", `${this.session}/execute/async`, { script, args });
    if (found.error) throw new Error(found.error);
    return found.value;
  }

  /** Runs `work` in the page while that is `width` pixels wide. */
  async viewport(width, work) {
    const command = (cmd, params) =>
      this.call("POST", `${this.session}/goog/cdp/execute`, { cmd, params });
    const metrics = { width, height: 800, deviceScaleFactor: 1, mobile: width < 600 };
    await command("Emulation.setDeviceMetricsOverride", metrics);
    try {
      return await this.run(work);
    } finally {
      await command("Emulation.clearDeviceMetricsOverride", {});
    }
  }

  /**
   * Loads `url` and then runs `work` in the page, if given; resolves to the page's text, the number
   * of requests, the first media type of each URL, and all errors.
   */
  async load(url, work = null) {
    await this.call("POST", `${this.session}/url`, { url: "about:blank" });
    await Promise.all([this.logs("browser"), this.logs("performance")]);
    await this.call("POST", `${this.session}/url`, { url });
    if (work) await this.run(work);
    const network = new Network();
    const since = Date.now();
    let last = since;
    while (Date.now() - last < (network.open.size ? QUIET_OPEN_MS : QUIET_MS)) {
      await sleep(50);
      const entries = await this.logs("performance");
      if (entries.map((entry) => network.take(entry)).some(Boolean)) last = Date.now();
      if (Date.now() - since > SETTLE_MS_MAX) throw new Error(`${url} does not settle`);
    }
    const console = (await this.logs("browser")).filter(({ level }) => level === "SEVERE");
    const script = `const frames = [...document.querySelectorAll("iframe")];
      const documents = [document, ...frames.map((frame) => frame.contentDocument)];
      return documents.map((page) => page?.body?.innerText ?? "").join("\\n");`;
    const text = await this.call("POST", `${this.session}/execute/sync`, { script, args: [] });
    const wrong = [...console.map(({ message }) => message), ...network.wrong];
    return { text, requests: network.count, types: network.types, wrong };
  }

  async stop() {
    await this.call("DELETE", this.session).catch(() => {});
    const ended = new Promise((resolved) => this.child.once("exit", resolved));
    endGroup(this.child);
    await ended;
  }
}

/** Ends the process group of `child`. */
function endGroup({ pid }) {
  try {
    process.kill(-pid, "SIGTERM");
  } catch {
    // It has ended already.
  }
}

/** Tracks a page's requests by its DevTools events. */
class Network {
  open = new Map();
  wrong = [];
  count = 0;
  types = new Map();

  /** Processes a performance log entry; returns whether it is about a request. */
  take({ message }) {
    const { method, params } = JSON.parse(message).message;
    const id = params?.requestId;
    if (method === "Network.requestWillBeSent") {
      if (!/^https?:/.test(params.request.url)) return false;
      this.count += 1;
      this.open.set(id, params.request.url);
    } else if (method === "Network.responseReceived" && params.response.status >= 400) {
      this.wrong.push(`${params.response.url}: ${params.response.status}`);
    } else if (method === "Network.responseReceived") {
      const { url, mimeType } = params.response;
      this.types.set(url, this.types.get(url) ?? mimeType);
    } else if (method === "Network.loadingFailed") {
      // Applications cancel requests that they no longer need.
      if (this.open.has(id) && !params.canceled)
        this.wrong.push(`${this.open.get(id)}: ${params.errorText}`);
      this.open.delete(id);
    } else if (method === "Network.loadingFinished") this.open.delete(id);
    return method.startsWith("Network.");
  }
}

/** Starts chromedriver and a Chromium session. */
export async function startBrowser() {
  const port = await freePort();
  // In its own process group, so that Chromium ends with its driver.
  const options = { stdio: "ignore", detached: true };
  const child = spawn(await chromedriver(), [`--port=${port}`], options);
  process.once("exit", () => endGroup(child));
  const browser = new Browser(`http://127.0.0.1:${port}`, child);
  for (let tries = 0; ; tries += 1) {
    const status = await browser.call("GET", "/status").catch(() => ({ ready: false }));
    if (status.ready) break;
    if (tries > 200) throw new Error("chromedriver is not ready");
    await sleep(50);
  }
  return browser.open();
}
