/** What a terminal would show of a text: lines, with colours, carriage returns, backspaces and cursor moves applied. */
import { PLAIN, nextStyle } from "./ansi.js";

// CSI sequences, other escapes, and the control characters that move the cursor.
const CONTROL = /\x1b\[([0-9;:?]*)[ -/]*([@-~])|\x1b(?:\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])|[\n\r\b\x07\x0b\x0c]/g;

/** Characters at the end that may be the beginning of an escape sequence. */
const UNFINISHED = /\x1b(?:\[[0-9;:?]*[ -/]*|\][^\x07\x1b]*)?$/;

export class Terminal {
  constructor() {
    /** Each line is a list of runs [text, style]. */
    this.lines = [[]];
    this.row = 0;
    this.column = 0;
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

  #control([text, parameters, command]) {
    if (text === "\n") this.#moveTo(this.row + 1, 0);
    else if (text === "\r") this.column = 0;
    else if (text === "\b") this.column = Math.max(0, this.column - 1);
    else if (command === "m") this.style = nextStyle(this.style, parameters);
    else if (command) this.#cursor(command, Math.min(Number.parseInt(parameters, 10) || 0, 10000));
  }

  #cursor(command, count) {
    const steps = count || 1;
    if (command === "A") this.row = Math.max(0, this.row - steps);
    else if (command === "B") this.#moveTo(Math.min(this.row + steps, this.lines.length - 1), this.column);
    else if (command === "C") this.column += steps;
    else if (command === "D") this.column = Math.max(0, this.column - steps);
    else if (command === "G") this.column = steps - 1;
    else if (command === "K") this.#erase(count);
  }

  #moveTo(row, column) {
    while (this.lines.length <= row) this.lines.push([]);
    this.row = row;
    this.column = column;
  }

  #erase(how) {
    const line = this.lines[this.row];
    if (how === 2) this.lines[this.row] = [];
    else if (how === 1) this.lines[this.row] = [[" ".repeat(this.column), PLAIN], ...cut(line, this.column, Infinity)];
    else this.lines[this.row] = cut(line, 0, this.column);
  }

  #put(text) {
    const line = this.lines[this.row];
    const last = line[line.length - 1];
    if (length(line) === this.column) {
      if (last && last[1] === this.style) last[0] += text;
      else line.push([text, this.style]);
    } else {
      const before = cut(line, 0, this.column);
      const gap = this.column - length(before);
      if (gap > 0) before.push([" ".repeat(gap), PLAIN]);
      this.lines[this.row] = [...before, [text, this.style], ...cut(line, this.column + text.length, Infinity)];
    }
    this.column += text.length;
  }
}

function length(line) {
  let sum = 0;
  for (const run of line) sum += run[0].length;
  return sum;
}

function cut(line, from, to) {
  const result = [];
  let at = 0;
  for (const [text, style] of line) {
    const part = text.slice(Math.max(0, from - at), Math.max(0, to - at));
    if (part) result.push([part, style]);
    at += text.length;
  }
  return result;
}
