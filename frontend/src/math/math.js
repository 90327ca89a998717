/**
 * KaTeX as a part of its own: typesets into our nodes and brings its style and fonts along. The same file stands as the last
 * script in the documents of outputs with formulas (frame/document.js), and typesets those there.
 */
import { faces, rules } from "./faces.js";
import { typesetDocument } from "./formulas.js";
import { CHARS_MAX, nodeOf, typeset } from "./katex.js";
import { split } from "./split.js";

const DELIMITED = /^\s*(?:\$\$([^]*)\$\$|\\\[([^]*)\\\]|\$([^]*)\$|\\\(([^]*)\\\))\s*$/;

// Fonts cannot be declared inside a shadow root; the page gets them once, under KaTeX's own names.
const styles = new CSSStyleSheet();
styles.replaceSync(rules);
let fontsAdded = false;

function addFonts() {
  if (fontsAdded) return;
  fontsAdded = true;
  const fonts = new URL("fonts/", import.meta.url);
  for (const { family, style, weight, file } of faces) {
    document.fonts.add(new FontFace(family, `url(${new URL(file, fonts)})`, { style, weight, display: "block" }));
  }
}

if (document.getElementById("singlecell-formulas")) {
  typesetDocument();
  addEventListener("singlecell-formulas", typesetDocument); // there are new ones
}

/** Typeset a formula, or words with formulas between them, into a node. Returns false, and leaves the node alone, when KaTeX cannot read it. */
export function typesetText(node, source) {
  addFonts();
  const root = node.getRootNode();
  if (root.adoptedStyleSheets && !root.adoptedStyleSheets.includes(styles)) {
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, styles];
  }
  const [, block, bracket, inline, round] = DELIMITED.exec(source) ?? [];
  const formula = block ?? bracket ?? inline ?? round ?? source;
  if (typeset(node, formula, inline === undefined && round === undefined)) return true;
  const pieces = source.length > CHARS_MAX ? [] : split(source);
  if (pieces.filter(({ raw }) => raw.trim()).length < 2) return false;
  node.replaceChildren(...pieces.map(nodeOf));
  return true;
}
