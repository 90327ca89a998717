/** Whether the page around a cell is light or dark: what `theme` says, else the colour that is behind the cell. */

const watchers = new Map(); // element → callback
let watching = false;
let pen = null; // of a canvas of one pixel

export function schemeOf(element) {
  const theme = element.getAttribute("theme");
  if (theme === "light" || theme === "dark") return theme;
  for (let node = above(element); node; node = above(node)) {
    const [red, green, blue, alpha] = channels(getComputedStyle(node).backgroundColor);
    if (alpha < 0.5) continue;
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue < 110 ? "dark" : "light";
  }
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)").matches;
  return /dark/.test(scheme) && (systemIsDark || !/light/.test(scheme)) ? "dark" : "light";
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
  if (!watching) watch();
  return () => watchers.delete(element);
}

function watch() {
  watching = true;
  const tell = () => {
    // First look at all cells, then paint them: in turns, each look would lay out the page anew.
    const found = [...watchers].map(([element, callback]) => [callback, schemeOf(element)]);
    for (const [callback, scheme] of found) callback(scheme);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", tell);
  // A page that fades has the new colour only at the end.
  document.addEventListener("transitionend", ({ propertyName }) => /^background/.test(propertyName) && tell());
  const observer = new MutationObserver(tell);
  const attributes = { attributes: true, attributeFilter: ["class", "style", "data-theme", "data-bs-theme", "data-mode"] };
  observer.observe(document.documentElement, attributes);
  if (document.body) observer.observe(document.body, attributes);
}
