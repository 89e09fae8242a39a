// Tests the suite itself: the crawler, the browser and the check of hashed names report mistakes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { AT_ONCE } from "../e2e/lib/check.mjs";
import { folder, publish } from "../e2e/lib/cli.mjs";
import { scratch, start } from "../e2e/lib/worker.mjs";
import { startBrowser } from "./lib/browser.mjs";
import { contradictions } from "./lib/build.mjs";
import { crawl, linksOfPage, linksOfScript, linksOfStyle } from "./lib/links.mjs";

test("links of pages", () => {
  const rows = [
    [`<a href="/a?x=1&amp;y=2">`, ["/a?x=1&y=2"]],
    [`<A HREF=/a class=x>`, ["/a"]],
    [`<img src='a.png' srcset="b.png 1x, /c.png 2x" alt="">`, ["a.png", "b.png", "/c.png"]],
    [`<!-- <a href="/a"> -->`, []],
    [`<link rel="modulepreload" href="/m.js"/>`, ["/m.js"]],
    [`<link rel="preconnect" href="https://x.test"><link rel="canonical" href="/c">`, []],
    [`<script type="importmap">{"imports":{"a":"/a.js"}}</script>`, ["/a.js"]],
    [`<script type="module">import("./a.js")</script>`, ["./a.js"]],
    [`<script>"<a href='/no'>"</script>`, []],
    [`<style>a { background: url(/a.png) }</style>`, ["/a.png"]],
    [`<p style="background: url('/a.png')">`, ["/a.png"]],
    [`<script type="module" crossorigin src="/a.js"></script>`, ["/a.js"]],
  ];
  for (const [text, expected] of rows) assert.deepEqual(linksOfPage(text).links, expected, text);
  assert.equal(linksOfPage(`<base href="/x/"><a href="a">`).base, "/x/");
});

test("links of style sheets and scripts", () => {
  const styles = [
    [
      `@import "a.css"; b { src: url("c.woff2") format("x"), url(d.ttf) }`,
      ["c.woff2", "d.ttf", "a.css"],
    ],
    [`/* url(no.png) */ a {}\n/*# sourceMappingURL=a.css.map */`, ["a.css.map"]],
  ];
  for (const [text, expected] of styles) assert.deepEqual(linksOfStyle(text), expected, text);
  const scripts = [
    [`import{a}from"./a.js";import"./b.js";import("../c.js")`, ["./a.js", "./b.js", "../c.js"]],
    ["import(`./d.js`)", ["./d.js"]],
    [`import("/static/e.js")`, ["/static/e.js"]],
    [`m.f||(m.f=["assets/e.js","assets/f.css"])`, ["/assets/e.js", "/assets/f.css"]],
    [`import"react";console.log("./no.js")`, []],
    [`x\n//# sourceMappingURL=a.js.map`, ["a.js.map"]],
  ];
  for (const [text, expected] of scripts) assert.deepEqual(linksOfScript(text), expected, text);
});

const BROKEN = {
  "index.html":
    `<!doctype html><title>x</title><link rel="stylesheet" href="a.css">` +
    `<a href="/about.html">x</a><a href="/gone">x</a><img src="gone.png">` +
    `<script>console.error("logged")</script>first edition`,
  "about.html": `<!doctype html><a href="https://elsewhere.test/">x</a><a href="#here">x</a>`,
  "a.css": "a { background: url(gone.woff2) }",
};

test("the crawler and the browser report broken links and errors", async () => {
  const worker = await start({ vars: AT_ONCE, state: scratch() });
  let browser;
  try {
    browser = await startBrowser();
    await publish(worker, "broken", BROKEN);
    const { links, redirected, broken } = await crawl(worker, "broken", ["/"]);
    assert.deepEqual(broken.sort(), [
      "/gone, linked from /: 404",
      "/gone.png, linked from /: 404",
      "/gone.woff2, linked from /a.css: 404",
    ]);
    assert.deepEqual({ links, redirected }, { links: 6, redirected: 1 });
    const page = await browser.load(`http://broken.localhost:${worker.port}/`);
    const errors = page.wrong.join("\n");
    assert.match(page.text, /first edition/);
    assert.match(errors, /logged/);
    assert.match(errors, /gone\.png: 404/);
  } finally {
    await browser?.stop();
    await worker.stop();
  }
});

test("builds that contradict the rule for hashed names are reported", async () => {
  const first = folder({ "a-1.js": "1", "b.js": "1", "c.js": "1" });
  const second = folder({ "a-2.js": "2", "b.js": "2", "c.js": "1" });
  const judge = (isHashed) => contradictions({ isHashed }, [first, second]);
  assert.deepEqual(await judge((path) => /-\d/.test(path)), []);
  assert.deepEqual(await judge((path) => path !== "b.js"), [], "the rule alone decides on c.js");
  assert.equal((await judge(() => true)).length, 1);
  assert.equal((await judge(() => false)).length, 2);
});
