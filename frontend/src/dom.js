/** Nodes made without HTML text, so that no page policy (CSP, Trusted Types) stands in the way. */

const SVG = "http://www.w3.org/2000/svg";

/** Return an element; properties named on… are listeners, `null` and `false` attributes are left out. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const ICONS = {
  run: "M5 3.2v9.6a.5.5 0 0 0 .77.42l7.4-4.8a.5.5 0 0 0 0-.84l-7.4-4.8A.5.5 0 0 0 5 3.2z",
  stop: "M4.5 3.5h7a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1z",
  attach: "M8 1.8 4.2 5.6l1.1 1.1L7.2 4.8V11h1.6V4.8l1.9 1.9 1.1-1.1zM2.5 10.5h1.6v2h7.8v-2h1.6v3.6h-11z",
  share: "M12 10.2c-.7 0-1.3.3-1.7.8L6 8.6a2.3 2.3 0 0 0 0-1.2L10.3 5A2.2 2.2 0 1 0 9.7 3.5c0 .2 0 .4.1.6L5.5 6.5a2.2 2.2 0 1 0 0 3l4.3 2.4A2.2 2.2 0 1 0 12 10.2z",
  reset: "M8 3a5 5 0 1 1-4.9 6h1.6A3.5 3.5 0 1 0 5.4 5.6L7.2 7.4H2.5V2.7l1.8 1.8A5 5 0 0 1 8 3z",
  menu: "M8 5a1.5 1.5 0 1 1 0-3 1.5 1.5 0 0 1 0 3zm0 4.5a1.5 1.5 0 1 1 0-3 1.5 1.5 0 0 1 0 3zM8 14a1.5 1.5 0 1 1 0-3 1.5 1.5 0 0 1 0 3z",
  close: "m4.3 3.2 3.7 3.7 3.7-3.7 1.1 1.1L9.1 8l3.7 3.7-1.1 1.1L8 9.1l-3.7 3.7-1.1-1.1L6.9 8 3.2 4.3z",
  file: "M4 1.5h5L12.5 5v9.5h-8.5a.5.5 0 0 1-.5-.5V2a.5.5 0 0 1 .5-.5zM5 3v10h6V6H8V3z",
};

/** Return one of our icons; it is for the eye only, the text beside it or a label speaks. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" })) {
    svg.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

/** Return a style sheet that several shadow roots may share. */
export function sheet(css) {
  const styles = new CSSStyleSheet();
  styles.replaceSync(css);
  return styles;
}
