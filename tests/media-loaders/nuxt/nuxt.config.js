// nuxt.config.js
export default defineNuxtConfig({
  modules: ["@nuxt/image"],
  image: { provider: "imgix", imgix: { baseURL: "/_media" } },
});
