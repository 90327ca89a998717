/** A line of a terminal: columns of one grapheme each, what readers take for one character, whatever it is made of. */
import { PLAIN } from "./ansi.js";

const SINGLE = /^[\x20-\x7e]*$/; // one column for each of these
const JOINED_CHARS_MAX = 100; // a letter with more marks than that grows no further
// Browsers of before 2024 may have none: there a column is a code point.
const segmenter = Intl.Segmenter && new Intl.Segmenter("und", { granularity: "grapheme" });

function graphemes(text) {
  if (SINGLE.test(text)) return text.split("");
  return segmenter ? Array.from(segmenter.segment(text), ({ segment }) => segment) : Array.from(text);
}

/** While a line only grows it is a list of runs; it is cut into columns when one of them is written over. */
export class Line {
  #runs = []; // [text, style]
  #columns = null; // {texts: [], styles: []}

  get isEmpty() {
    return this.#columns ? !this.#columns.texts.length : !this.#runs.length;
  }

  /** How many columns it has. */
  get length() {
    if (!this.#columns && this.#runs.every(([text]) => SINGLE.test(text))) {
      return this.#runs.reduce((sum, [text]) => sum + text.length, 0);
    }
    return this.#opened.texts.length;
  }

  /** The line as a list of [text, style]. */
  get runs() {
    if (!this.#columns) return this.#runs;
    const runs = [];
    const { texts, styles } = this.#columns;
    for (let i = 0; i < texts.length; i += 1) {
      const last = runs[runs.length - 1];
      if (last?.[1] === styles[i]) last[0] += texts[i];
      else runs.push([texts[i], styles[i]]);
    }
    return runs;
  }

  /** Write behind the last column. */
  append(text, style) {
    if (this.#columns) {
      this.put(this.#columns.texts.length, text, style);
      return;
    }
    const last = this.#runs[this.#runs.length - 1];
    if (last?.[1] === style) last[0] += text;
    else this.#runs.push([text, style]);
  }

  /** Write over what is there from a column on; return the column behind the text. */
  put(column, text, style) {
    const { texts, styles } = this.#opened;
    while (texts.length < column) this.#set(texts.length, " ", PLAIN);
    let parts = graphemes(text);
    const before = texts[column - 1] ?? "";
    if (before && before.length < JOINED_CHARS_MAX && !SINGLE.test(text)) {
      // An accent belongs to the letter before it.
      const joined = graphemes(before + text);
      if (joined[0] !== before) {
        this.#set(column - 1, joined[0], styles[column - 1]);
        parts = joined.slice(1);
      }
    }
    parts.forEach((part, i) => this.#set(column + i, part, style));
    return column + parts.length;
  }

  /** Leave out all from a column on. */
  cut(column) {
    const { texts, styles } = this.#opened;
    texts.length = styles.length = Math.min(column, texts.length);
  }

  /** Empty the columns before this one. */
  blank(column) {
    this.put(0, " ".repeat(column), PLAIN);
  }

  get #opened() {
    if (this.#columns) return this.#columns;
    this.#columns = { texts: [], styles: [] };
    for (const [text, style] of this.#runs) this.put(this.#columns.texts.length, text, style);
    this.#runs = [];
    return this.#columns;
  }

  #set(column, text, style) {
    this.#columns.texts[column] = text;
    this.#columns.styles[column] = style;
  }
}
