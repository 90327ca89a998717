/** `element`, where scripts of notebooks put what they show: made when a script first asks for it. */

const parse = (text) => document.createRange().createContextualFragment(text);

/** Return a place in the output; beside what every element can it has what notebooks' scripts know of jQuery. */
function makePlace() {
  const place = document.createElement("div");
  const { append } = place;
  return Object.assign(place, {
    0: place,
    get: () => place,
    append(...things) {
      append.apply(place, things.map((thing) => (/^\s*</.test(thing) ? parse(thing) : thing)));
      return place;
    },
    text(value) {
      if (value === undefined) return place.textContent;
      place.textContent = value;
      return place;
    },
    html(value) {
      place.replaceChildren(parse(String(value)));
      return place;
    },
    empty() {
      place.replaceChildren();
      return place;
    },
  });
}

export function offerElement() {
  if (!document.documentElement.classList.contains("script")) return;
  Object.defineProperty(window, "element", {
    configurable: true,
    enumerable: true,
    get() {
      const place = makePlace();
      document.body.append(place);
      this.element = place;
      return place;
    },
    set(value) {
      Object.defineProperty(window, "element", { value, writable: true, configurable: true, enumerable: true });
    },
  });
}
