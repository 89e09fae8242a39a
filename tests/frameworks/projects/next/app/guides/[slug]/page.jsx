import { Counter } from "../../counter";

const SLUGS = ["getting-started", "deploy", "step-2"];

export const dynamicParams = false;
export const generateStaticParams = () => SLUGS.map((slug) => ({ slug }));

export default async function Guide({ params }) {
  const { slug } = await params;
  return (
    <main>
      <h1>{slug}, EDITION</h1>
      <Counter />
    </main>
  );
}
