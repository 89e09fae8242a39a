import "@fontsource/inter/400.css";
import "./main.css";
import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import CountWorker from "./count.worker.js?worker";

const pages = import.meta.glob("./pages/*.jsx");
const names = Object.keys(pages).map((path) => path.slice("./pages/".length, -".jsx".length));

function useHash() {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const update = () => setHash(location.hash);
    addEventListener("hashchange", update);
    return () => removeEventListener("hashchange", update);
  }, []);
  return decodeURIComponent(hash.replace(/^#\//, ""));
}

function App() {
  const name = useHash() || names[0];
  const [Page, setPage] = useState(null);
  const [count, setCount] = useState(0);
  useEffect(() => {
    pages[`./pages/${name}.jsx`]?.().then((module) => setPage(() => module.default));
  }, [name]);
  useEffect(() => {
    const worker = new CountWorker();
    worker.onmessage = ({ data }) => setCount(data);
    worker.postMessage(names);
    return () => worker.terminate();
  }, []);
  return (
    <>
      <h1>EDITION, {count} pages</h1>
      <nav>
        {names.map((page) => (
          <a key={page} href={`#/${page}`}>
            {page}
          </a>
        ))}
      </nav>
      {Page ? <Page /> : <p>loading</p>}
    </>
  );
}

createRoot(document.getElementById("root")).render(<App />);
