// loader.js
export default function loader({ src, width }) {
  return `/_media${src}?w=${width}`;
}
