import Image from "next/image";

export default function Page() {
  return <Image src="/photo.jpg" width={640} height={360} sizes="50vw" alt="" />;
}
