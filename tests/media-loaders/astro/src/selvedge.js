// src/selvedge.js
import { baseService } from "astro/assets";

export default {
  ...baseService,
  getURL({ src, width, height, fit }) {
    const query = new URLSearchParams({ w: width });
    const uncropped = (width * src.height) / src.width;
    if (fit === "cover" && Math.abs(height - uncropped) > 1) {
      query.set("h", height);
      query.set("fit", "crop");
    }
    return `/_media${src.src ?? src}?${query}`;
  },
};
