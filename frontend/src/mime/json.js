/** application/json as a tree that opens and closes. */
import { make } from "../dom.js";

const CHILDREN_MAX = 500;
const OPEN_DEPTH = 1;

export function jsonNode(value) {
  return make("div", { class: "json", dir: "ltr", translate: "no" }, tree(value, null, 0));
}

function tree(value, name, depth) {
  const label = name === null ? [] : [make("span", { class: "json-name" }, String(name)), ": "];
  if (value === null || typeof value !== "object") {
    const kind = value === null ? "null" : typeof value;
    return make("div", { class: "json-leaf" }, ...label, make("span", { class: `json-${kind}` }, JSON.stringify(value)));
  }
  const entries = Object.entries(value);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (!entries.length) return make("div", { class: "json-leaf" }, ...label, open + close);
  const summary = make("summary", {}, ...label, make("span", { class: "json-count" }, `${open}${entries.length}${close}`));
  const node = make("details", { open: depth < OPEN_DEPTH }, summary);
  const fill = () => {
    if (node.childElementCount > 1) return;
    const shown = entries.slice(0, CHILDREN_MAX).map(([key, child]) => tree(child, key, depth + 1));
    if (entries.length > CHILDREN_MAX) shown.push(make("div", { class: "json-leaf" }, "…"));
    node.append(...shown);
  };
  if (node.open) fill();
  else node.addEventListener("toggle", fill, { once: true });
  return node;
}
