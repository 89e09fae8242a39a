export default function (config) {
  config.addPassthroughCopy({ public: "/" });
  config.addBundle("css", { toFileDirectory: "bundle" });
  config.addBundle("js", { toFileDirectory: "bundle" });
  return { dir: { input: "content", includes: "../_includes", output: "_site" } };
}
