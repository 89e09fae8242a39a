// Loaded into `wrangler dev` ahead of its own code. Its proxy sends every HTML response through a
// rewriter that would insert the script of `--live-reload`; it does so even without that option,
// and what the rewriter touches loses its Content-Length. Here the rewriter is left to the option.
// Production, miniflare and bare workerd have no such proxy. A wrangler that reads differently is
// left as it is.

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
