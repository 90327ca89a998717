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
  if (codeLocation) return textOf(placesOf(codeLocation)[0] ?? place);
  return textOf(place);
}

function textOf(node) {
  if (node.localName === "textarea") return node.value;
  return (node.querySelector("script") ?? node).textContent;
}
