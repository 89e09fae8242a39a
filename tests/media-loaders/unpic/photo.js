// photo.js
import { Image } from "@unpic/react";
import { createElement } from "react";

export const photo = createElement(Image, {
  src: "/_media/photo.jpg",
  cdn: "imgix",
  width: 640,
  height: 480,
  alt: "",
});
