/** One formula by KaTeX. */
import katex from "katex";

export const CHARS_MAX = 20_000;

/** Typeset TeX into a node. Returns false, and leaves the node alone, when KaTeX cannot read it. */
export function typeset(node, tex, display) {
  if (tex.length > CHARS_MAX) return false;
  try {
    katex.render(tex, node, { displayMode: display, throwOnError: true, trust: false, maxSize: 50, maxExpand: 1000 });
    return true;
  } catch {
    return false;
  }
}

/** Return a node for a piece of a text: a formula, or what cannot be read as one as it was written. */
export function nodeOf({ raw, tex, display }) {
  const place = document.createElement("span");
  return tex !== undefined && typeset(place, tex, display) ? place : document.createTextNode(raw);
}
