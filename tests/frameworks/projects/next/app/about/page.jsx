import { Counter } from "../counter";
import styles from "./about.module.css";

export const metadata = { title: "About, EDITION" };

export default function About() {
  return (
    <main className={styles.about}>
      <h1>About, EDITION</h1>
      <Counter />
    </main>
  );
}
