import { useState } from "react";
import "./counter.css";

export function Counter({ label }) {
  const [count, setCount] = useState(0);
  return (
    <button className="counter" onClick={() => setCount(count + 1)}>
      {label}, EDITION: {count}
    </button>
  );
}
