/** Whether the page around a cell is light or dark: what `theme` says, else the colour that is behind the cell. */

const watchers = new Map(); // element → callback
let watching = false;

export function schemeOf(element) {
  const theme = element.getAttribute("theme");
  if (theme === "light" || theme === "dark") return theme;
  for (let node = element.parentElement; node; node = node.parentElement) {
    const colour = getComputedStyle(node).backgroundColor;
    const [red, green, blue, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
    if (alpha < 0.5 || blue === undefined) continue;
    const scale = colour.startsWith("color(") ? 255 : 1;
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) * scale < 110 ? "dark" : "light";
  }
  const scheme = getComputedStyle(document.documentElement).colorScheme;
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)").matches;
  return /dark/.test(scheme) && (systemIsDark || !/light/.test(scheme)) ? "dark" : "light";
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
