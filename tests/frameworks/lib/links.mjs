// Crawls a site: extracts the links of pages, style sheets and scripts, and requests each.

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

function decode(text) {
  return text
    .replace(/&#x([0-9a-f]+);/gi, (_, code) => String.fromCodePoint(Number.parseInt(code, 16)))
    .replace(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
    .replace(/&([a-z]+);/g, (whole, name) => ENTITIES[name] ?? whole);
}

const TAG = /<([a-z][a-z0-9-]*)((?:\s+[^\s=>/]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]*))?)*)\s*\/?>/gi;
const ATTRIBUTE = /([^\s=>/]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*))/g;
const URL_ATTRIBUTES = ["href", "src", "poster", "data", "action", "component-url", "renderer-url"];
/** Values of `rel` whose links browsers don't load. */
const NO_RESOURCE = /\b(preconnect|dns-prefetch|canonical|alternate)\b/;

function attributes(text) {
  const found = {};
  for (const [, name, double, single, bare] of text.matchAll(ATTRIBUTE))
    found[name.toLowerCase()] = decode(double ?? single ?? bare);
  return found;
}

function candidates(srcset) {
  return srcset
    .split(/,\s+/)
    .map((part) => part.trim().split(/\s+/)[0])
    .filter(Boolean);
}

function linksOfImportMap(text) {
  const map = JSON.parse(text);
  const tables = [map.imports ?? {}, ...Object.values(map.scopes ?? {})];
  return tables.flatMap((table) => Object.values(table));
}

/** Returns the URLs in a style sheet. */
export function linksOfStyle(text) {
  const bare = text.replace(/\/\*(?!#)[^]*?\*\//g, "");
  const urls = [...bare.matchAll(/url\(\s*(?:"([^"]*)"|'([^']*)'|([^)"'\s]*))\s*\)/g)];
  const imports = [...bare.matchAll(/@import\s+(?:"([^"]*)"|'([^']*)')/g)];
  const found = [...urls, ...imports].map(([, a, b, c]) => a ?? b ?? c);
  return [...found, ...sourceMaps(text)];
}

function sourceMaps(text) {
  const last = text.slice(-2000);
  return [...last.matchAll(/^\s*(?:\/\/|\/\*)# sourceMappingURL=([^\s*]+)/gm)].map(
    ([, url]) => url,
  );
}

const SPECIFIER = /(?:\bfrom|\bimport|\bimport\()\s*["'`](\.{0,2}\/[^"'`\s]+\.(?:m?js|css))["'`]/g;
/** Vite's preload list of a chunk: paths relative to the root of the site. */
const VITE_DEPENDENCIES = /\bm\.f=\[([^\]]*)\]/g;

/** Returns the import specifiers that a bundler wrote, and the source map. */
export function linksOfScript(text) {
  const imports = [...text.matchAll(SPECIFIER)].map(([, url]) => url);
  const ahead = [...text.matchAll(VITE_DEPENDENCIES)].flatMap(([, list]) =>
    [...list.matchAll(/["'`]([^"'`]+)["'`]/g)].map(([, path]) =>
      /^\.{0,2}\//.test(path) ? path : `/${path}`,
    ),
  );
  return [...imports, ...ahead, ...sourceMaps(text)];
}

/** Returns the URLs in a page, and the `href` of its `<base>` or null. */
export function linksOfPage(text) {
  const links = [];
  let base = null;
  let markup = text.replace(/<!--[^]*?-->/g, "");
  markup = markup.replace(/(<style\b[^>]*>)([^]*?)<\/style>/gi, (_, open, style) => {
    links.push(...linksOfStyle(style));
    return open;
  });
  markup = markup.replace(/(<script\b[^>]*>)([^]*?)<\/script>/gi, (_, open, script) => {
    if (/type\s*=\s*["']?importmap/i.test(open)) links.push(...linksOfImportMap(script));
    else if (/type\s*=\s*["']?module/i.test(open)) links.push(...linksOfScript(script));
    return open;
  });
  for (const [, tag, rest] of markup.matchAll(TAG)) {
    const has = attributes(rest);
    if (tag.toLowerCase() === "base") base = has.href ?? null;
    else if (!(tag.toLowerCase() === "link" && NO_RESOURCE.test(has.rel ?? ""))) {
      links.push(...URL_ATTRIBUTES.filter((name) => has[name]).map((name) => has[name]));
      for (const name of ["srcset", "imagesrcset"]) links.push(...candidates(has[name] ?? ""));
    }
    if (has.style) links.push(...linksOfStyle(has.style));
  }
  return { base, links };
}

const isOther = (link) =>
  link === "" || link.startsWith("#") || /^(?!https?:)[a-z][a-z0-9+.-]*:/i.test(link);

/** Follows up to three redirects; resolves to the last response, its path and their number. */
export async function follow(worker, site, path) {
  for (let hops = 0; ; hops += 1) {
    const answer = await worker.get(site, path, { headers: { "accept-encoding": "identity" } });
    if (answer.status < 300 || answer.status >= 400 || hops === 3) return { answer, path, hops };
    const to = new URL(answer.headers.value("location"), `http://${site}${path}`);
    path = to.pathname + to.search;
  }
}

/**
 * Requests `paths` and everything reachable from them. Resolves to the number of distinct URLs, the
 * number of those that redirect, and the broken ones.
 */
export async function crawl(worker, site, paths) {
  const origin = `http://${site}`;
  const seen = new Map(paths.map((path) => [path, "the listing"]));
  const broken = [];
  let redirected = 0;
  const visit = async ([asked, from]) => {
    const { answer, path, hops } = await follow(worker, site, asked);
    redirected += hops > 0 ? 1 : 0;
    if (answer.status !== 200) {
      broken.push(`${asked}, linked from ${from}: ${answer.status}`);
      return [];
    }
    const { base, links } = linksOf(answer);
    const found = [];
    for (const link of links.filter((link) => !isOther(link))) {
      const url = resolveLink(link, new URL(base ?? path, origin + path));
      if (url === null) broken.push(`${link}, linked from ${path}: no address`);
      else if (url.origin === origin) found.push([url.pathname + url.search, path]);
    }
    return found;
  };
  for (let next = [...seen]; next.length;) {
    const found = [];
    for (let i = 0; i < next.length; i += 16)
      found.push(...(await Promise.all(next.slice(i, i + 16).map(visit))).flat());
    next = found.filter(([path, from]) => !seen.has(path) && seen.set(path, from));
  }
  return { links: seen.size, redirected, broken };
}

function resolveLink(link, base) {
  try {
    return new URL(link, base);
  } catch {
    return null;
  }
}

function linksOf({ headers, text }) {
  const type = headers.value("content-type") ?? "";
  if (/^text\/html/.test(type)) return linksOfPage(text);
  if (/^text\/css/.test(type)) return { base: null, links: linksOfStyle(text) };
  if (/javascript/.test(type)) return { base: null, links: linksOfScript(text) };
  return { base: null, links: [] };
}
