// EDITION
onmessage = ({ data }) => postMessage(data.length, { edition: "EDITION" });
