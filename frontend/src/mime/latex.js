/** text/latex: KaTeX, loaded from our own server when the first formula comes. */
import { make } from "../dom.js";
import { loadPart } from "../place.js";
import { textNode } from "./text.js";

const DELIMITED = /^\s*(?:\$\$([^]*)\$\$|\\\[([^]*)\\\]|\$([^]*)\$|\\\(([^]*)\\\))\s*$/;

export function latexNode(tex, { plain }) {
  const place = make("div", { class: "math", part: "math" });
  const source = String(tex);
  loadPart("math").then(
    ({ typeset }) => {
      const [, block, bracket, inline, round] = DELIMITED.exec(source) ?? [];
      const formula = block ?? bracket ?? inline ?? round ?? source;
      const display = inline === undefined && round === undefined;
      // What KaTeX cannot read is shown as the object's own text, or as its source.
      if (!typeset(place, formula, display)) place.replaceChildren(textNode(plain || source));
    },
    () => place.replaceChildren(textNode(plain || source)),
  );
  return place;
}
