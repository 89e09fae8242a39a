// `make conformance`: runs the public HTTP cache tests against an action of the built worker,
// compares every outcome with tests/conformance/expected.json, and writes build/conformance.json.
//
//   --only=ID,ID  run these tests and their dependencies, and print details
//   --verbose     print name, message and reason of each test that does not pass
//   --bare        run on bare workerd instead of miniflare
//   --markdown    print only the table
//   --update      write the outcomes to expected.json; fill in the reasons by hand
//
// SUITE is a checkout of another version of the tests. With make, options go into ARGS.

import { build } from "./build.mjs";
import { main, node, run } from "./lib.mjs";

main(async () => {
  await build();
  const args = ["tests/conformance/run.mjs", ...process.argv.slice(2)];
  const { code } = await run(node(), args, { show: true, check: false });
  process.exitCode = code;
});
