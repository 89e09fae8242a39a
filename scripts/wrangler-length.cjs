// Preloaded into `wrangler dev`, whose proxy passes every HTML response through the rewriter that
// inserts the script of `--live-reload`, even without that option. A rewritten response loses its
// Content-Length. This patch applies the rewriter only with the option. Production, miniflare and
// bare workerd have no such proxy. Another version of wrangler whose code differs stays unpatched.

const fs = require("node:fs");

const WITHOUT_OPTION = "if (isHtmlResponse(res)) {";
const WITH_OPTION = "if (isHtmlResponse(res) && proxyData.liveReload) {";

const readFileSync = fs.readFileSync;
fs.readFileSync = function (path, ...options) {
  const content = readFileSync.call(this, path, ...options);
  if (!String(path).endsWith("wrangler-dist/ProxyWorker.js")) return content;
  const text = String(content).replace(WITHOUT_OPTION, WITH_OPTION);
  return typeof content === "string" ? text : Buffer.from(text);
};
