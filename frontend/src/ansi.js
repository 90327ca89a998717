/** SGR ("select graphic rendition") escapes of terminals: ESC [ … m. */

const DEFAULT = Object.freeze({});

/** Return the style after these SGR parameters; styles are small frozen objects, the plain one is shared. */
export function nextStyle(style, parameters) {
  let next = { ...style };
  const codes = parameters.split(/[;:]/).map(Number);
  for (let i = 0; i < codes.length; i += 1) {
    const code = codes[i];
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 7) next.inverse = true;
    else if (code === 9) next.strike = true;
    else if (code === 22) delete next.bold, delete next.dim;
    else if (code === 23) delete next.italic;
    else if (code === 24) delete next.underline;
    else if (code === 27) delete next.inverse;
    else if (code === 29) delete next.strike;
    else if (code >= 30 && code <= 37) next.colour = code - 30;
    else if (code >= 90 && code <= 97) next.colour = code - 82;
    else if (code === 39) delete next.colour;
    else if (code >= 40 && code <= 47) next.background = code - 40;
    else if (code >= 100 && code <= 107) next.background = code - 92;
    else if (code === 49) delete next.background;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes, i + 1);
      i += used;
      if (colour !== undefined) next[code === 38 ? "colour" : "background"] = colour;
    }
  }
  return Object.keys(next).length ? Object.freeze(next) : DEFAULT;
}

/** Return [colour, numbers used]: a number of the 16 named ones, or a CSS colour. */
function extended(codes, at) {
  if (codes[at] === 5) return [indexed(codes[at + 1]), 2];
  if (codes[at] === 2) {
    const [red, green, blue] = codes.slice(at + 1, at + 4).map((part) => Math.min(255, part || 0));
    return [`rgb(${red}, ${green}, ${blue})`, 4];
  }
  return [undefined, 0];
}

/** xterm's 256 colours: 16 named, a cube of 6×6×6, 24 greys. */
function indexed(number) {
  if (!(number >= 0 && number <= 255)) return undefined;
  if (number < 16) return number;
  if (number >= 232) return `rgb(${Array(3).fill(8 + (number - 232) * 10).join(", ")})`;
  const level = (step) => (step ? 55 + step * 40 : 0);
  const cube = number - 16;
  return `rgb(${level(Math.floor(cube / 36))}, ${level(Math.floor(cube / 6) % 6)}, ${level(cube % 6)})`;
}

export const PLAIN = DEFAULT;

/** Return a node for text in this style. */
export function styled(text, style) {
  if (style === DEFAULT) return document.createTextNode(text);
  const span = document.createElement("span");
  span.textContent = text;
  const classes = ["bold", "dim", "italic", "underline", "inverse", "strike"].filter((name) => style[name]);
  paint(span, classes, "colour", style.colour);
  paint(span, classes, "background", style.background);
  span.className = classes.map((name) => `ansi-${name}`).join(" ");
  return span;
}

function paint(span, classes, property, colour) {
  if (colour === undefined) return;
  if (typeof colour === "number") classes.push(`${property}-${colour}`);
  else span.style[property === "colour" ? "color" : "backgroundColor"] = colour;
}
