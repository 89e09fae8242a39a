// Says how many bytes each image has, asks for one URL with three Accept headers, draws the
// placeholder, and puts a visitor's name on the label. Only text and pixels are put into the page.

/** What browsers of three generations say that they read. */
const ACCEPTS = ["image/avif,image/webp,*/*", "image/webp,*/*", "*/*"];
const NAMES = ["AVIF and WebP", "WebP", "neither"];
const FORMATS = { "image/avif": "AVIF", "image/webp": "WebP", "image/jpeg": "JPEG" };
/** Nobody waits for a name that is still being typed. */
const TYPING_MS = 350;
const PLACEHOLDER_WIDTH = 32;
/** The media worker refuses work beyond its queue, and has room again soon. */
const TRIES_MAX = 4;
const RETRY_MS = 2000;

const byId = (id) => document.getElementById(id);
const sizeOf = (bytes) =>
  bytes < 1000 ? `${bytes} bytes` : `${(Math.round(bytes / 100) / 10).toLocaleString("en")} kB`;

function element(name, text, attributes = {}) {
  const node = document.createElement(name);
  node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}

/** The size of an image in pixels and bytes, and how long it took to make if it was made now. */
function showFacts(image) {
  const figure = image.closest("[data-form]");
  const line = figure.querySelector("[data-facts]");
  const isThere = image.naturalWidth > 0;
  const tries = Number(image.dataset.tries ?? 1);
  if (!isThere && tries < TRIES_MAX) {
    image.dataset.tries = String(tries + 1);
    setTimeout(() => image.setAttribute("src", image.getAttribute("src")), RETRY_MS * tries);
    return;
  }
  figure.classList.toggle("failed", !isThere);
  figure.classList.remove("busy");
  if (!isThere) {
    line.textContent = "";
    byId("missing").hidden = false;
    return;
  }
  const width = widthOf(image);
  const timing = timingOf(image);
  const [across, down] = ["width", "height"].map((side) => Number(image.getAttribute(side)));
  const facts = [`${width} by ${Math.round((width * down) / across)}`];
  if (timing?.encodedBodySize) facts.push(sizeOf(timing.encodedBodySize));
  const steps = timing?.serverTiming ?? [];
  const millis = Math.round(steps.reduce((sum, { duration }) => sum + duration, 0));
  if (millis > 0 && timing.transferSize > 0) facts.push(`made just now in ${millis} ms`);
  line.textContent = facts.join(", ");
  const shown = figure.querySelector("[data-width]");
  if (shown) shown.textContent = String(width);
}

const timingOf = (image) => performance.getEntriesByName(image.currentSrc).at(-1);

/** The width of the file. Browsers divide the natural one by the density, or fit it to `sizes`. */
function widthOf(image) {
  const asked = new URL(image.currentSrc, location.href).searchParams;
  if (image.sizes) return Number(asked.get("w") ?? image.getAttribute("width"));
  return Math.round(image.naturalWidth * Number(asked.get("dpr") ?? 1));
}

/** Asks for a URL as three browsers do, and shows what each gets. */
async function compareFormats(image) {
  const url = image.getAttribute("src");
  const received = timingOf(image)?.encodedBodySize;
  const rows = [];
  for (const [index, accept] of ACCEPTS.entries()) {
    const response = await fetch(url, { headers: { Accept: accept }, cache: "no-store" });
    if (!response.ok) return;
    const { byteLength } = await response.arrayBuffer();
    const format = FORMATS[response.headers.get("content-type")];
    rows.push({ name: NAMES[index], format, bytes: byteLength });
  }
  const most = Math.max(...rows.map(({ bytes }) => bytes));
  byId("formats").replaceChildren(
    ...rows.map((row) => {
      const isYours = row.bytes === received;
      const line = element("tr", "", isYours ? { class: "yours" } : {});
      const name = element("th", row.name, { scope: "row" });
      const format = element("td", isYours ? `${row.format}, as you did` : row.format);
      const size = element("td", sizeOf(row.bytes));
      size.style.setProperty("--share", String(row.bytes / most));
      line.append(name, format, size);
      return line;
    }),
  );
  byId("formats").parentElement.hidden = false;
}

/** Fetches the placeholder and draws it. */
async function showPlaceholder(figure) {
  const response = await fetch(figure.querySelector("a").getAttribute("href"));
  if (!response.ok) {
    byId("missing").hidden = false;
    return;
  }
  const hash = new Uint8Array(await response.arrayBuffer());
  const canvas = figure.querySelector("canvas");
  const { width, height, rgba } = decoded(hash);
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
  figure.querySelector("[data-facts]").textContent = sizeOf(hash.length);
}

/** Decodes the ThumbHash of an image without transparency (evanw.github.io/thumbhash, MIT). */
function decoded(hash) {
  const head = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const tail = hash[3] | (hash[4] << 8);
  const isLandscape = tail >> 15;
  const short = Math.max(3, tail & 7);
  const [across, down] = isLandscape ? [7, short] : [short, 7];
  let nibble = 10;
  const channel = (mean, scale, columns, rows) => {
    const waves = [];
    for (let y = 0; y < rows; y += 1) {
      for (let x = y ? 0 : 1; x * rows < columns * (rows - y); x += 1, nibble += 1) {
        const value = (hash[nibble >> 1] >> ((nibble & 1) * 4)) & 15;
        waves.push({ x, y, weight: (value / 7.5 - 1) * scale * 2 });
      }
    }
    return { mean, waves };
  };
  const light = channel((head & 63) / 63, ((head >> 18) & 31) / 31, across, down);
  const yellow = channel(((head >> 6) & 63) / 31.5 - 1, (((tail >> 3) & 63) / 63) * 1.25, 3, 3);
  const red = channel(((head >> 12) & 63) / 31.5 - 1, (((tail >> 9) & 63) / 63) * 1.25, 3, 3);

  const width = isLandscape ? PLACEHOLDER_WIDTH : Math.round((PLACEHOLDER_WIDTH * across) / down);
  const height = isLandscape ? Math.round((PLACEHOLDER_WIDTH * down) / across) : PLACEHOLDER_WIDTH;
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let y = 0, at = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1, at += 4) {
      const sum = (total, wave) =>
        total +
        wave.weight *
          Math.cos((Math.PI / width) * (x + 0.5) * wave.x) *
          Math.cos((Math.PI / height) * (y + 0.5) * wave.y);
      const [l, p, q] = [light, yellow, red].map(({ mean, waves }) => waves.reduce(sum, mean));
      const blue = l - (2 / 3) * p;
      const r = (3 * l - blue + q) / 2;
      rgba.set([255 * r, 255 * (r - q), 255 * blue, 255], at);
    }
  }
  return { width, height, rgba };
}

/** Makes the label say what is typed. */
function follow(figure, input) {
  const [link, image] = [figure.querySelector("a"), figure.querySelector("img")];
  let timer = null;
  const show = () => {
    const name = input.value.trim();
    const url = new URL(link.href);
    url.searchParams.set("name", name);
    if (url.href === link.href) return;
    figure.classList.add("busy");
    link.href = url.href;
    delete image.dataset.tries;
    image.src = url.href;
    image.alt = `The dandelion with a sewn-on label${name ? ` that says ${name}` : ""}`;
    byId("shown").textContent = url.search.slice(url.search.indexOf("name=") + "name=".length);
  };
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(show, TYPING_MS);
  });
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(timer);
    show();
  });
  byId("form").hidden = false;
}

for (const image of document.querySelectorAll("[data-form] img")) {
  for (const event of ["load", "error"]) image.addEventListener(event, () => showFacts(image));
  if (image.complete) showFacts(image);
}
const negotiated = document.querySelector("#negotiated img");
if (negotiated.complete && negotiated.naturalWidth > 0) compareFormats(negotiated).catch(() => {});
else negotiated.addEventListener("load", () => compareFormats(negotiated).catch(() => {}));
showPlaceholder(byId("placeholder")).catch(() => {});
follow(byId("personal"), byId("name"));
