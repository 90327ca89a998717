/** Where a makeSagecell call wants its cells, and the code that stands there. */

/** Return the elements of a selector, an element, or a jQuery object (any list of elements). */
export function placesOf(location) {
  if (!location) throw new TypeError("makeSagecell needs an inputLocation: a selector or an element.");
  if (typeof location === "string") return [...document.querySelectorAll(location)];
  if (location instanceof Element) return [location];
  return Array.from(location).filter((node) => node instanceof Element);
}

export function codeIn(place, { code, codeLocation }) {
  if (code !== undefined) return code;
  if (codeLocation) return textOf(placesOf(codeLocation)[0] ?? place).trim();
  return textOf(place).trim();
}

/** Return the server that a page names in `<link property="sagecell-root" href="…">`, the last one of them. */
export function linkedRoot() {
  return [...document.querySelectorAll("link[property='sagecell-root']")].pop()?.getAttribute("href") ?? null;
}

function textOf(node) {
  if (node.localName === "textarea") return node.value;
  return (node.querySelector("script") ?? node).textContent;
}
