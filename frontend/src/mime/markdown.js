/** text/markdown: parsed when first needed; raw HTML in it sends the whole text to the sandboxed frame. */
import { make } from "../dom.js";
import { loadPart } from "../lazy.js";
import { frameNode } from "./drawn.js";
import { latexNode } from "./latex.js";
import { textNode } from "./text.js";

const CHARS_MAX = 200_000;

export function markdownNode(text, about) {
  const place = make("div", { class: "markdown", part: "markdown" });
  const source = String(text);
  if (source.length > CHARS_MAX) return textNode(source);
  const show = ({ nodes, toHtml }) => {
    const made = nodes(source, { make, math: (tex) => latexNode(tex, { plain: tex }) });
    if (made) place.replaceChildren(...made);
    else place.replaceChildren(frameNode(toHtml(source), { ...about, type: "text/html" }));
  };
  // A text of too many pieces is shown as it was written, too.
  loadPart("markdown").then(show).catch(() => place.replaceChildren(textNode(source)));
  return place;
}
