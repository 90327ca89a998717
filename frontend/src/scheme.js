/** Whether the page around a cell is light or dark: what `theme` says, else what is behind the cell. */

const watchers = new Map(); // element → callback
let observer = null;
let timer = null;
let pen = null; // of a canvas of one pixel
const COLOUR = /\b(?:rgba?|hsla?|hwb|color|(?:ok)?lab|(?:ok)?lch)\([^()]*\)/g; // as computed styles write them

export function schemeOf(element) {
  const theme = element.getAttribute("theme");
  if (theme === "light" || theme === "dark") return theme;
  for (let node = above(element); node; node = above(node)) {
    const ground = groundOf(getComputedStyle(node));
    if (ground) return ground;
  }
  // The page has no ground of its own but that of the browser, which our style has looked up (cell.css), or hides it well.
  if (hasLightText(getComputedStyle(above(element)))) return "dark";
  return isDark(channels(getComputedStyle(element).columnRuleColor)) ? "dark" : "light";
}

/** Return "light" or "dark" for a node that has a ground, else null. */
function groundOf({ backgroundColor, backgroundImage, color }) {
  if (backgroundImage !== "none") {
    const shades = (backgroundImage.match(COLOUR) ?? []).map(channels).filter(([, , , alpha]) => alpha >= 0.5);
    if (shades.length) return shades.filter(isDark).length * 2 > shades.length ? "dark" : "light";
  }
  const ground = channels(backgroundColor);
  if (ground[3] >= 0.5) return isDark(ground) ? "dark" : "light";
  return backgroundImage !== "none" && hasLightText({ color }) ? "dark" : null; // what a picture looks like nobody can know
}

/** Text is there to be read: light text stands on something dark. */
function hasLightText({ color }) {
  return luminance(channels(color)) > 180;
}

function luminance([red, green, blue]) {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function isDark(shade) {
  return luminance(shade) < 110;
}

function above(node) {
  return node.parentElement ?? node.getRootNode().host;
}

/** Return [red, green, blue, alpha] of a computed colour: 0 to 255, alpha 0 to 1. Only the browser knows all forms of colours. */
function channels(colour) {
  if (/^rgb/.test(colour)) return [...colour.match(/[\d.]+/g).map(Number), 1];
  pen ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  pen.clearRect(0, 0, 1, 1);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = pen.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, alpha / 255];
}

/** Call back with the scheme of an element whenever the page may have changed. Returns a function that ends this. */
export function watchScheme(element, callback) {
  watchers.set(element, callback);
  observer ??= watch();
  for (let node = above(element); node; node = above(node)) observer.observe(node, { attributes: true });
  return () => watchers.delete(element);
}

/** Look at all cells again, once for all that changes now. */
function look() {
  timer ??= setTimeout(() => {
    timer = null;
    // First look at all cells, then paint them: in turns, each look would lay out the page anew.
    const found = [...watchers].map(([element, callback]) => [callback, schemeOf(element)]);
    for (const [callback, scheme] of found) callback(scheme);
  });
}

function watch() {
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", look);
  // A page that fades has the new colour only at the end.
  document.addEventListener("transitionend", ({ propertyName }) => /^background|^color/.test(propertyName) && look());
  const made = new MutationObserver(look);
  // Style sheets, and what they are for; the page's word for its scheme.
  made.observe(document.head, { childList: true, subtree: true, attributes: true, attributeFilter: ["media", "disabled", "content", "href"] });
  document.head.addEventListener("load", look, { capture: true });
  return made;
}
