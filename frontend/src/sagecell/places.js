/** Where a makeSagecell call wants its cells, and the code that stands there. */
import { textOf } from "../author.js";
import { pagesJquery } from "./jquery.js";

/** Return the elements of a selector, an element, a jQuery object, or any list of selectors and elements. */
export function placesOf(location) {
  if (!location) throw new TypeError("makeSagecell needs an inputLocation: a selector or an element.");
  if (typeof location === "string") return elementsOf(location);
  if (location instanceof Element) return [location];
  return [...new Set(Array.from(location).flatMap((one) => (one ? placesOf(one) : [])))];
}

/** What browsers do not understand, ids that begin with a digit and jQuery's own words, jQuery does. */
function elementsOf(selector) {
  try {
    return [...document.querySelectorAll(selector.replace(/#(\d[\w-]*)/g, (_, id) => `#${CSS.escape(id)}`))];
  } catch (error) {
    const jquery = pagesJquery();
    if (!jquery) throw error;
    return jquery(selector).toArray();
  }
}

/** Whether a place that a page names while it is still being read is there, with all that is in it. */
export function isThere(location) {
  const isOne = typeof location !== "string" || /^#[\w-]+$/.test(location);
  const places = isOne ? placesOf(location) : [];
  return places.length > 0 && !places.some((place) => place.contains(document.currentScript));
}

export function codeIn(place, { code, codeLocation }) {
  if (code !== undefined) return code;
  if (codeLocation) return codeOf(placesOf(codeLocation)[0] ?? place);
  return codeOf(place);
}

/** Return the server that a page names in `<link property="sagecell-root" href="…">`, the last one of them. */
export function linkedRoot() {
  return [...document.querySelectorAll("link[property='sagecell-root']")].pop()?.getAttribute("href") ?? null;
}

function codeOf(node) {
  if (node.localName === "textarea") return node.value.trim();
  return textOf(node.querySelector("script") ?? node).trim();
}
