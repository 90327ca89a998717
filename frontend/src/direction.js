/** The direction of text that a program wrote. Browsers need minutes for a long text whose direction they have to find out. */

// Letters from right to left, and marks that turn the direction.
const RIGHT_TO_LEFT = /[\u0590-\u08ff\u200f\u202b\u202e\u2067\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const STRONG = /\p{L}/u;
const PIECE_CHARS = 2000; // laying a line from right to left out takes the square of its length

/** Whether a text has a part from right to left, so that its direction matters. */
export function turns(text) {
  return RIGHT_TO_LEFT.test(text);
}

/** Have a node take the direction of its text. */
export function directed(node, text = node.textContent) {
  node.classList.toggle("turns", turns(text));
  return node;
}

/** Return the direction that a text begins with. */
export function directionOf(text) {
  const [letter] = STRONG.exec(text) ?? [""];
  return turns(letter) ? "rtl" : "ltr";
}

/** Return a long text in pieces, cut between words where that is possible. */
export function piecesOf(text) {
  const pieces = [];
  for (let start = 0; start < text.length; ) {
    let end = Math.min(start + PIECE_CHARS, text.length);
    if (end < text.length) {
      const space = text.lastIndexOf(" ", end);
      if (space > start) end = space + 1;
      else if (/[\ud800-\udbff]/.test(text[end - 1])) end += 1; // the second half of a character
    }
    pieces.push(text.slice(start, end));
    start = end;
  }
  return pieces;
}

/** Whether a line has to be cut into pieces. */
export function isLong(text) {
  return text.length > PIECE_CHARS && turns(text);
}
