// `make conformance`: the public HTTP cache tests against an action of the built worker, every
// outcome compared with tests/conformance/expected.json, the report in build/conformance.json.
//
//   --only=ID,ID  these tests and what they depend on, in detail
//   --verbose     name, message and reason of each test that does not pass
//   --bare        on bare workerd instead of miniflare
//   --markdown    the table alone
//   --update      write the outcomes into expected.json; fill in the reasons by hand
//
// SUITE names a checkout of another version of the tests. ARGS hands options through make.

import { build } from "./build.mjs";
import { main, node, run } from "./lib.mjs";

main(async () => {
  await build();
  const args = ["tests/conformance/run.mjs", ...process.argv.slice(2)];
  const { code } = await run(node(), args, { show: true, check: false });
  process.exitCode = code;
});
