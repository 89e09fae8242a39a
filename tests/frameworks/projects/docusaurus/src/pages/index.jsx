import Link from "@docusaurus/Link";
import Layout from "@theme/Layout";

export default function Home() {
  return (
    <Layout title="Home">
      <h1>Home, EDITION</h1>
      <Link to="/docs/intro">Docs</Link>
    </Layout>
  );
}
