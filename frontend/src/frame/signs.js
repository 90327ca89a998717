/** The signs on buttons that matplotlib's animations ask a font of another server for: Font Awesome's names, drawings of ours. */

const LINK = /<link\b[^>]*\bhref\s*=\s*["']?[^"'>]*font-?awesome[^>]*>/gi;

// In a square of 16 by 16.
const PATHS = {
  minus: "M2 7h12v2H2z",
  plus: "M7 2h2v5h5v2H9v5H7V9H2V7h5z",
  play: "M4 2l10 6-10 6z",
  pause: "M3 2h4v12H3zM9 2h4v12H9z",
  stop: "M3 3h10v10H3z",
  "step-forward": "M3 2l8 6-8 6zM11 2h2v12h-2z",
  "step-backward": "M13 2L5 8l8 6zM3 2h2v12H3z",
  "fast-forward": "M1 2l6 6-6 6zM7 2l6 6-6 6zM13 2h2v12h-2z",
  check: "M13 3l1.5 1.5-8 8.5L2 8.5 3.5 7l3 3z",
  times: "M4 2.6L8 6.6l4-4L13.4 4l-4 4 4 4-1.4 1.4-4-4-4 4L2.6 12l4-4-4-4z",
  retweet: "M4 3h7v2H5v4h2l-3 4-3-4h2zM12 13H5v-2h6V7H9l3-4 3 4h-2z",
  upload: "M8 1l4 5H9v5H7V6H4zM2 13h12v2H2z",
  download: "M7 1h2v5h3l-4 5-4-5h3zM2 13h12v2H2z",
  home: "M8 1.5L1 8h2v6h4v-4h2v4h4V8h2z",
  "arrow-left": "M8 2.5L9.5 4 6.5 7H14v2H6.5l3 3L8 13.5 2.5 8z",
  "arrow-right": "M8 2.5L6.5 4l3 3H2v2h7.5l-3 3L8 13.5 13.5 8z",
  arrows: "M8 1l2.5 3H9v3h3V5.5L15 8l-3 2.5V9H9v3h1.5L8 15l-2.5-3H7V9H4v1.5L1 8l3-2.5V7h3V4H5.5z",
  "square-o": "M2 2h12v12H2zM4 4v8h8V4z",
  "floppy-o": "M2 2h9l3 3v9H2zM4 4v3h6V4zM5 9v5h6V9z",
  "caret-right": "M5 3l6 5-6 5z",
  "caret-down": "M3 5h10l-5 6z",
  "fast-backward": "M15 2L9 8l6 6zM9 2L3 8l6 6zM1 2h2v12H1z",
};

const SVG = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path d='{}'/></svg>";
const names = Object.keys(PATHS).map((name) => `.fa-${name}`).join();
const pictures = Object.entries(PATHS).map(([name, path]) => `.fa-${name} { --sign: url("${SVG.replace("{}", path)}") }`);

export const signRules = `
:is(${names}) { display: inline-block; width: 1em; height: 1em; vertical-align: -.125em; background: currentColor;
  -webkit-mask: var(--sign) center / contain no-repeat; mask: var(--sign) center / contain no-repeat }
.fa-flip-horizontal { transform: scaleX(-1) }
${pictures.join("\n")}
`;

/** Put our drawings in the place of a link to that font. */
export function withSigns(html) {
  return html.replace(LINK, `<style>${signRules}</style>`);
}
