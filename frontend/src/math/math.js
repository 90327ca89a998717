/** KaTeX as a part of its own: typesets into our nodes and brings its style and fonts along. */
import katex from "katex";
import css from "katex/dist/katex.min.css";

// Fonts cannot be declared inside a shadow root; the page gets them once, under KaTeX's own names.
const FACE = /@font-face\{([^}]*)\}/g;
const styles = new CSSStyleSheet();
styles.replaceSync(css.replace(FACE, "").replaceAll('"', "'"));
let fontsAdded = false;

function addFonts() {
  if (fontsAdded) return;
  fontsAdded = true;
  const fonts = new URL("fonts/", import.meta.url);
  for (const [, rule] of css.matchAll(FACE)) {
    const read = (name) => new RegExp(`${name}:([^;]*)`).exec(rule)[1].replace(/["']/g, "");
    const file = /fonts\/([\w-]+\.woff2)/.exec(rule)[1];
    const about = { style: read("font-style"), weight: read("font-weight"), display: "block" };
    document.fonts.add(new FontFace(read("font-family"), `url(${new URL(file, fonts)})`, about));
  }
}

/** Typeset TeX into a node. Returns false, and leaves the node alone, when KaTeX cannot read it. */
export function typeset(node, tex, display) {
  addFonts();
  try {
    const root = node.getRootNode();
    if (root.adoptedStyleSheets && !root.adoptedStyleSheets.includes(styles)) {
      root.adoptedStyleSheets = [...root.adoptedStyleSheets, styles];
    }
    katex.render(tex, node, { displayMode: display, throwOnError: true, trust: false, maxSize: 50, maxExpand: 1000 });
    return true;
  } catch {
    return false;
  }
}
