import Link from "next/link";
import "./globals.css";

export const metadata = { title: "Next, EDITION" };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>
        <nav>
          <Link href="/">Home</Link> <Link href="/about">About</Link>{" "}
          <Link href="/guides/getting-started">Getting started</Link>{" "}
          <Link href="/guides/deploy">Deploy</Link>
        </nav>
        {children}
      </body>
    </html>
  );
}
