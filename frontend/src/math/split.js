/** Which pieces of a text are formulas. Dollars of prices are none: a closing one has no space before and no digit behind it. */

const FORMULA = new RegExp(
  [
    /\$\$([^$]+)\$\$/, /(?<!\\)\\\[([^]+?)\\\]/, /(\\begin\{(\w+\*?)\}[^]+?\\end\{\4\})/, // on lines of their own
    /(?<!\\)\\\(([^]+?)\\\)/, /(?<!\\)\$(?!\s)((?:[^$\\`]|\\[^])+?)(?<!\s)\$(?!\d)/, // in their line
  ].map(({ source }) => source).join("|"),
  "g",
);

/** Return [{raw, tex, display}], `tex` undefined where a piece is words. */
export function split(text) {
  const pieces = [];
  let end = 0;
  for (const { 0: raw, 1: dollars, 2: brackets, 3: environment, 5: round, 6: dollar, index } of text.matchAll(FORMULA)) {
    if (index > end) pieces.push({ raw: text.slice(end, index) });
    const block = dollars ?? brackets ?? environment;
    pieces.push({ raw, tex: block ?? round ?? dollar, display: block !== undefined });
    end = index + raw.length;
  }
  if (end < text.length) pieces.push({ raw: text.slice(end) });
  return pieces;
}
