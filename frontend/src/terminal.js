/** What a terminal would show of a text: lines, with colours, carriage returns, backspaces and cursor moves applied. */
import { PLAIN, nextStyle } from "./ansi.js";
import { Line } from "./line.js";

// CSI sequences, other escapes, and the control characters that move the cursor.
const CONTROL = /\x1b\[([0-9;:?]*)[ -/]*([@-~])|\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])|[\n\r\b\x07\x0b\x0c]/g;

/** Characters at the end that may be the beginning of an escape sequence. */
const UNFINISHED = /\x1b(?:\[[0-9;:?]*[ -/]*|\][^\x07\x1b]*)?$/;

const END = null; // the column behind the last of a line: most texts only ever go there, and nobody counts
const MOVED_COLUMNS_MAX = 10_000; // so far beyond its end a line can be moved to

export class Terminal {
  constructor() {
    this.lines = [new Line()];
    this.row = 0;
    this.column = END;
    this.style = PLAIN;
    this.pending = "";
  }

  /** Add text; return the number of the first line that it touched. */
  write(text) {
    let input = this.pending + text;
    this.pending = UNFINISHED.exec(input)?.[0] ?? "";
    if (this.pending.length > 4096) this.pending = "";
    if (this.pending) input = input.slice(0, -this.pending.length);
    let first = this.row;
    let at = 0;
    CONTROL.lastIndex = 0;
    for (let match; (match = CONTROL.exec(input)); at = CONTROL.lastIndex) {
      if (match.index > at) this.#put(input.slice(at, match.index));
      this.#control(match);
      first = Math.min(first, this.row);
    }
    if (at < input.length) this.#put(input.slice(at));
    return first;
  }

  get #line() {
    return this.lines[this.row];
  }

  /** The column as a number. */
  get #at() {
    return this.column === END ? this.#line.length : this.column;
  }

  #control([text, parameters, command]) {
    if (text === "\n") this.#moveTo(this.row + 1, 0);
    else if (text === "\r") this.#moveTo(this.row, 0);
    else if (text === "\b") this.column = Math.max(0, this.#at - 1);
    else if (command === "m") this.style = nextStyle(this.style, parameters);
    else if (command) this.#cursor(command, Math.min(Number.parseInt(parameters, 10) || 0, 10000));
  }

  #cursor(command, count) {
    const steps = count || 1;
    if (command === "A") this.#moveTo(Math.max(0, this.row - steps), this.#at);
    else if (command === "B") this.#moveTo(Math.min(this.row + steps, this.lines.length - 1), this.#at);
    else if (command === "C") this.column = Math.min(this.#at + steps, Math.max(this.#line.length, MOVED_COLUMNS_MAX));
    else if (command === "D") this.column = Math.max(0, this.#at - steps);
    else if (command === "G") this.column = steps - 1;
    else if (command === "K") this.#erase(count);
  }

  #moveTo(row, column) {
    while (this.lines.length <= row) this.lines.push(new Line());
    this.row = row;
    this.column = column === 0 && this.#line.isEmpty ? END : column;
  }

  #erase(how) {
    if (how === 2) {
      const column = this.#at;
      this.lines[this.row] = new Line();
      this.column = column;
    } else if (how === 1) this.#line.blank(this.#at);
    else if (this.column !== END) this.#line.cut(this.column);
  }

  #put(text) {
    if (this.column === END) this.#line.append(text, this.style);
    else this.column = this.#line.put(this.column, text, this.style);
  }
}
