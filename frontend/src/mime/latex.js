/** text/latex: KaTeX, loaded from our own server when the first formula comes. */
import { make } from "../dom.js";
import { showEdges } from "../edges.js";
import { loadPart } from "../lazy.js";
import { inTurn } from "../slices.js";
import { textNode } from "./text.js";

export function latexNode(tex, { plain }) {
  const place = make("div", { class: "math", part: "math" });
  const source = String(tex);
  // What KaTeX cannot read is shown as the object's own text, or where that says nothing, as its source.
  const otherwise = () => place.replaceChildren(textNode(plain && !/^</.test(plain) ? plain : source));
  const show = ({ typesetText }) => inTurn(() => typesetText(place, source) || otherwise());
  place.drawn = loadPart("math").then(show, otherwise).then(() => showEdges(place));
  return place;
}
