/** A value as a tree that opens and closes. Loaded when there is one. */

const CHILDREN_MAX = 500;
const OPEN_DEPTH = 1;

/** Return the node of a value. `make`: of our dom.js; `name`: the value's in what holds it, or null. */
export function tree(make, value, name = null, depth = 0) {
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
    const shown = entries.slice(0, CHILDREN_MAX).map(([key, child]) => tree(make, child, key, depth + 1));
    if (entries.length > CHILDREN_MAX) shown.push(make("div", { class: "json-leaf" }, "…"));
    node.append(...shown);
  };
  if (node.open) fill();
  else node.addEventListener("toggle", fill, { once: true });
  return node;
}
