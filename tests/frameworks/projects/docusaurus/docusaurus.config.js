export default {
  title: "EDITION",
  url: "https://www.example.com",
  baseUrl: "/",
  favicon: "favicon.svg",
  onBrokenLinks: "throw",
  presets: [
    [
      "classic",
      {
        docs: { sidebarPath: "./sidebars.js" },
        blog: { showReadingTime: true, onInlineAuthors: "ignore" },
        theme: { customCss: "./src/css/custom.css" },
      },
    ],
  ],
  themeConfig: {
    navbar: {
      title: "EDITION",
      items: [
        { to: "/docs/intro", label: "Docs" },
        { to: "/blog", label: "Blog" },
      ],
    },
  },
};
