/** application/json as a tree that opens and closes. */
import { make } from "../dom.js";
import { loadPart } from "../lazy.js";
import { inTurn } from "../slices.js";

export function jsonNode(value) {
  const node = make("div", { class: "json", dir: "ltr", translate: "no" });
  node.drawn = loadPart("tree").then(
    ({ tree }) => inTurn(() => node.append(tree(make, value))),
    () => (node.textContent = JSON.stringify(value)),
  );
  return node;
}
