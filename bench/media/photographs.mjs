// Gets the photographs and drawings of which the corpus is made. README.md has their authors and
// licences.

import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { copyFileSync, renameSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BUILD, Explained, onPath, run, step } from "../../scripts/lib.mjs";

const FOLDER = join(BUILD, "photographs");
const BACKGROUNDS = "usr/share/backgrounds";

/** Debian package, file and SHA-256 of each. */
const PHOTOGRAPHS = {
  bird: [
    "lomiri-wallpapers-20.04",
    "Kleiber_by_Lukas_Baubkus.jpg",
    "6572410c09f4492c74ccadde133565a14c0161617d5917d4c820c66d65a44ba7",
  ],
  bowl: [
    "lomiri-wallpapers-16.04",
    "Picture_0B_by_freespace.jpg",
    "c8c0ab18e48d9e0419fe42881112137f3afafc27dfddc29ec3a6d54c56d225ad",
  ],
  bridge: [
    "lomiri-wallpapers-16.04",
    "Bridge_by_Sander_Klootwijk.jpg",
    "bd86b081f9975e2b83527f71e49b9271a8ab40885428395969d9f7d834d7f050",
  ],
  calla: [
    "ukui-wallpapers",
    "calla.png",
    "26fc5b5461f37132d913c9b03a48392e59a58f66e665cc5dfc2d997bda4190d4",
  ],
  city: [
    "ukui-wallpapers",
    "city.png",
    "7d7d048f935a7ca9de2808bc0523507a2fe36eda7e9b2fdfc1e3ebd7f4f2169d",
  ],
  dandelion: [
    "lomiri-wallpapers-16.04",
    "seeding_by_Clements_Engelhardt.jpg",
    "a5634d1ab5e41a3568e92d4a894a500c92b891f9ff734e50bd224d6e185a605f",
  ],
  dogs: [
    "lomiri-wallpapers-16.04",
    "friends_by_Aitzol_Berasategi.jpg",
    "cc40e313c74e421edffe3403def413c16878ce14661cce7ec5915baeab35538d",
  ],
  dragonfly: [
    "lomiri-wallpapers-16.04",
    "Dragonfly_by_Bolly.jpg",
    "af5af17841009732def24b09bb1e669a1b09d2b4bdeee7812c371101c30d2bb3",
  ],
  drum: [
    "lomiri-wallpapers-16.04",
    "Wine_by_Jakkub_Mede.jpg",
    "d2e96e6d4da40dd804b3d0ce295e94de04a2d7d9b6785d42cd9d92ba58bced74",
  ],
  mountain: [
    "lomiri-wallpapers-16.04",
    "picosdeeuropa_by_Aitzol_Berasategi.jpg",
    "414d0072b2f6f2c555deafeaef6e45c4fed6fa9ad26eba6560ca8803959cf97a",
  ],
  sea: [
    "lomiri-wallpapers-20.04",
    "Infinite-Sea_by_Aury88.jpg",
    "9319dfb3651833881339a8d9b769b99efaf474969e6cd58e427eb2524aca8e8a",
  ],
  stream: [
    "lomiri-wallpapers-16.04",
    "life_by_Aitzol_Berasategi.jpg",
    "4c119350ead80201fe256850c3d316309ddfb4bdf10b235ce982dcde0c667c05",
  ],
  stripes: [
    "lomiri-wallpapers-20.04",
    "Painting-Colors_by__herobrine7gamer.jpg",
    "dc688df829e177f23d5e2761a198d2e44e477e4b3b3c750661052c89f7abc46c",
  ],
  sunset: [
    "lomiri-wallpapers-16.04",
    "sunset_by_Aitzol_Berasategi.jpg",
    "474dab6a4b9f94dc76c29dfe30e9f5db4af0fd2e33fe5d695f8152b371efca18",
  ],
};

const pathOf = (file) => join(FOLDER, file);

/** Unpacks the backgrounds of a Debian package into `FOLDER`. */
async function unpack(name) {
  const folder = mkdtempSync(join(tmpdir(), "selvedge-photographs-"));
  try {
    const got = await run("apt-get", ["download", name], { cwd: folder, check: false });
    const deb = readdirSync(folder).find((file) => file.endsWith(".deb"));
    if (got.code !== 0 || !deb) {
      throw new Explained(`apt-get can't download ${name}; run \`apt-get update\` first`);
    }
    await run("dpkg-deb", ["-x", deb, "."], { cwd: folder });
    for (const [from, file] of Object.values(PHOTOGRAPHS)) {
      if (from !== name) continue;
      copyFileSync(join(folder, BACKGROUNDS, file), pathOf(`${file}.new`));
      renameSync(pathOf(`${file}.new`), pathOf(file));
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Resolves to the path of each photograph by name, after checking its hash. */
export async function photographs() {
  mkdirSync(FOLDER, { recursive: true });
  const all = Object.entries(PHOTOGRAPHS);
  const missing = all.filter(([, [, file]]) => !existsSync(pathOf(file)));
  if (missing.length > 0 && !(onPath("apt-get") && onPath("dpkg-deb"))) {
    throw new Explained("the photographs are in Debian packages: run this on Debian or Ubuntu");
  }
  for (const name of new Set(missing.map(([, [from]]) => from))) {
    await step(`apt-get download ${name}`, () => unpack(name));
  }
  for (const [, [from, file, sha256]] of all) {
    const found = createHash("sha256").update(readFileSync(pathOf(file))).digest("hex");
    if (found !== sha256) throw new Explained(`${file} of ${from} is not the expected version`);
  }
  return Object.fromEntries(all.map(([name, [, file]]) => [name, pathOf(file)]));
}
