/** In the document of an output that has formulas in its text: typesets them there, in fonts that the page hands in. */
import { faces, rules } from "./faces.js";
import { nodeOf } from "./katex.js";
import { split } from "./split.js";

// Dollars in these are code, or somebody else's work.
const CODE = "pre, code, kbd, samp, script, style, textarea, select, title, svg, math, .katex, .tex2jax_ignore, .mathjax_ignore";
const LOOKS = ".katex-display, .katex-display > .katex { text-align: start } .katex-display { margin: .3em 0; overflow: auto hidden }";
const FORMULAS_MAX = 5000;
const brought = new Set(); // files of fonts

let style = null;

/** Typeset what is in the document now. */
export function typesetDocument() {
  if (!style) {
    style = document.createElement("style");
    style.textContent = rules + LOOKS;
    document.head.append(style);
  }
  for (const script of document.querySelectorAll("script[type^='math/tex']")) {
    const display = /mode\s*=\s*display/.test(script.type);
    script.after(nodeOf({ raw: script.textContent, tex: script.textContent, display }));
  }
  document.body.normalize();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(CODE)) texts.push(walker.currentNode);
  let formulas = 0;
  for (const text of texts) {
    const pieces = split(text.data);
    const count = pieces.filter(({ tex }) => tex !== undefined).length;
    formulas += count;
    if (formulas > FORMULAS_MAX) break;
    if (count) text.replaceWith(...pieces.map(nodeOf));
  }
  bringFonts();
}

/** Ask for the fonts in which something is written now; this document may load none by itself. */
function bringFonts() {
  const used = new Set();
  for (const node of document.querySelectorAll(".katex-html *")) {
    const { fontFamily, fontStyle, fontWeight } = getComputedStyle(node);
    used.add([fontFamily.split(",")[0].replace(/["']/g, ""), fontStyle, fontWeight].join());
  }
  const isNew = (face) => used.has([face.family, face.style, face.weight].join()) && !brought.has(face.file);
  const needed = new Map(faces.filter(isNew).map((face) => [face.file, face]));
  addEventListener("message", ({ source, data }) => {
    const face = source === parent && needed.get(data?.script);
    if (!face || typeof data.text !== "string") return;
    const { family, style, weight } = face;
    document.fonts.add(new FontFace(family, `url(${data.text})`, { style, weight, display: "block" }));
  });
  for (const script of needed.keys()) {
    brought.add(script);
    parent.postMessage({ script }, "*");
  }
}
