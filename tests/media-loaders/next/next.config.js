// next.config.js
module.exports = {
  images: { loader: "custom", loaderFile: "./loader.js" },
};
