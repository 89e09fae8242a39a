import { defineConfig } from "vitepress";

export default defineConfig({
  title: "EDITION",
  themeConfig: {
    nav: [{ text: "Guide", link: "/guide/getting-started" }],
    search: { provider: "local" },
    sidebar: [
      {
        text: "Guide",
        items: [
          { text: "Getting started", link: "/guide/getting-started" },
          { text: "Deploy", link: "/guide/deploy" },
          { text: "Step 2", link: "/guide/step-2" },
        ],
      },
    ],
  },
});
