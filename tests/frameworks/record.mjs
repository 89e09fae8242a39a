// Records the listings of builds in tests/frameworks/listings: a mark, a tab and a path per line.
// The mark is `H` if the build tool derived the name from the content, `-` otherwise. Arguments
// select projects by name.
//
// The form of a name does not decide. Each project has a rule that follows from how its tool names
// output, and two builds of different sources must agree with it (see `contradictions` in
// lib/build.mjs).

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT, main, say, step } from "../../scripts/lib.mjs";
import { EDITIONS, build, contradictions, listing, published } from "./lib/build.mjs";
import { PROJECTS } from "./lib/projects.mjs";

const LISTINGS = join(ROOT, "tests/frameworks/listings");

main(async () => {
  const chosen = process.argv.slice(2);
  mkdirSync(LISTINGS, { recursive: true });
  for (const project of PROJECTS) {
    if (chosen.length && !chosen.includes(project.name)) continue;
    const outs = [];
    for (const edition of EDITIONS)
      outs.push(await step(`${project.name}, ${edition}`, () => build(project, edition)));
    const bad = await contradictions(project, outs);
    for (const line of bad.slice(0, 20)) say(`${project.name}: ${line}`);
    const paths = published(outs[0]);
    const hashed = paths.filter(project.isHashed).length;
    const kept = paths.filter(
      (path) => project.isHashed(path) && published(outs[1]).includes(path),
    );
    say(`${project.name}: ${paths.length} files, ${hashed} hashed, ${kept.length} of them in both`);
    if (bad.length) {
      process.exitCode = 1;
      continue;
    }
    writeFileSync(join(LISTINGS, `${project.name}.txt`), listing(project, outs[0]));
  }
});
