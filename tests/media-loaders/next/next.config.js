// next.config.js
module.exports = {
  output: "export",
  images: { loader: "custom", loaderFile: "./loader.js" },
};
