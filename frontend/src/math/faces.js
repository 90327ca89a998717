/** KaTeX's style, apart from its fonts, and the fonts, each with the file that has it. */
import css from "katex/dist/katex.min.css";

const FACE = /@font-face\{([^}]*)\}/g;

export const rules = css.replace(FACE, "").replaceAll('"', "'");

/** [{family, style, weight, file}] */
export const faces = [...css.matchAll(FACE)].map(([, rule]) => {
  const read = (name) => new RegExp(`${name}:([^;]*)`).exec(rule)[1].replace(/["']/g, "");
  return {
    family: read("font-family"), style: read("font-style"), weight: read("font-weight"), file: /fonts\/([\w-]+\.woff2)/.exec(rule)[1],
  };
});
