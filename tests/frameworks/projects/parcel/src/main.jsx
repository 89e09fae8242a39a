import { createRoot } from "react-dom/client";
import { useEffect, useState } from "react";
import { pages } from "./pages.js";

function App() {
  const name = location.hash.replace(/^#\//, "") || Object.keys(pages)[0];
  const [Page, setPage] = useState(null);
  useEffect(() => {
    pages[name]().then((module) => setPage(() => module.default));
  }, [name]);
  return (
    <>
      <h1>main, EDITION</h1>
      {Page ? <Page /> : <p>loading</p>}
    </>
  );
}

createRoot(document.getElementById("root")).render(<App />);
