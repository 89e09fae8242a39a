// Builds ICC profiles, because no free package of the registries has a small one of Adobe RGB.

const D50 = [0.9642, 1, 0.8249];
/** Colours of Adobe RGB (1998), adapted to D50 as its specification lists them. */
const ADOBE_RGB = {
  description: "compatible with Adobe RGB (1998)",
  gamma: 563 / 256,
  red: [0.60974, 0.31111, 0.01947],
  green: [0.20528, 0.62567, 0.06087],
  blue: [0.14919, 0.06322, 0.74457],
};

const HEADER_BYTES = 128;
const VERSION = 0x02100000;

function bytes(type, length) {
  const data = Buffer.alloc(length);
  data.write(type, "latin1");
  return data;
}

function xyz(values) {
  const data = bytes("XYZ ", 20);
  values.forEach((value, i) => data.writeInt32BE(Math.round(value * 65536), 8 + 4 * i));
  return data;
}

function curve(gamma) {
  const data = bytes("curv", 14);
  data.writeUInt32BE(1, 8);
  data.writeUInt16BE(Math.round(gamma * 256), 12);
  return data;
}

function description(value) {
  const data = bytes("desc", 12 + value.length + 1 + 78);
  data.writeUInt32BE(value.length + 1, 8);
  data.write(value, 12, "latin1");
  return data;
}

function text(value) {
  return Buffer.concat([bytes("text", 8), Buffer.from(`${value}\0`, "latin1")]);
}

/** Returns a version 2 display profile of three colours and one gamma. */
function profile({ description: name, gamma, red, green, blue }) {
  const tags = [
    ["desc", description(name)],
    ["cprt", text("no copyright, use freely")],
    ["wtpt", xyz(D50)],
    ["rXYZ", xyz(red)],
    ["gXYZ", xyz(green)],
    ["bXYZ", xyz(blue)],
    ["rTRC", curve(gamma)],
    ["gTRC", curve(gamma)],
    ["bTRC", curve(gamma)],
  ];
  const table = Buffer.alloc(4 + 12 * tags.length);
  table.writeUInt32BE(tags.length);
  const parts = [];
  let at = HEADER_BYTES + table.length;
  tags.forEach(([tag, data], i) => {
    const padded = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
    table.write(tag, 4 + 12 * i, "latin1");
    table.writeUInt32BE(at, 8 + 12 * i);
    table.writeUInt32BE(data.length, 12 + 12 * i);
    parts.push(padded);
    at += padded.length;
  });
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(at);
  header.writeUInt32BE(VERSION, 8);
  header.write("mntrRGB XYZ ", 12, "latin1");
  header.write("acsp", 36, "latin1");
  xyz(D50).copy(header, 68, 8);
  return Buffer.concat([header, table, ...parts]);
}

export const adobeRgb = () => profile(ADOBE_RGB);
