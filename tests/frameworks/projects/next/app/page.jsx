import Image from "next/image";
import photo from "./photo.png";
import { Widgets } from "./widgets";

export default function Home() {
  return (
    <main>
      <h1>Home, EDITION</h1>
      <Image src={photo} alt="noise" />
      <Widgets />
    </main>
  );
}
