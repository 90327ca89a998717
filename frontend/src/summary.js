/** What a run has shown, in one text for screen readers: short results are read, long ones are counted. */
import { say } from "./texts.js";

const READ_CHARS_MAX = 200;
const READ_LINES_MAX = 5;
const ADDRESS = /^<.* at 0x|^<Figure |^<IPython/; // what objects say of themselves when they have nothing to say

/** `said`: {stream}, {error: node} or {place: node, plain: text/plain}, in order. */
export function summaryOf(said) {
  const errors = said.filter(({ error }) => error).map(({ error }) => wordsOf(error));
  const results = said.filter(({ error }) => !error).map(resultOf);
  const line_count = results.reduce((sum, { lines }) => sum + lines, 0);
  const chars = results.reduce((sum, { text }) => sum + text.length, 0);
  if (chars <= READ_CHARS_MAX && line_count <= READ_LINES_MAX) return [...results.map(({ text }) => text.trim()), ...errors].filter(Boolean).join("\n");
  const others = results.filter(({ lines }) => !lines).length;
  const counts = [line_count && say("said_lines", { count: line_count.toLocaleString() }), others && say("said_outputs", { count: others })];
  return [...counts, ...errors].filter(Boolean).join("\n");
}

/** Return the text of a result and its lines; what is no text has none. */
function resultOf({ stream, place, plain }) {
  if (stream) return { lines: stream.lineCount, text: stream.lineCount > READ_LINES_MAX ? "" : stream.text };
  const picture = place.querySelector("img");
  if (picture) return { lines: 0, text: picture.alt };
  const words = String(Array.isArray(plain) ? plain.join("") : (plain ?? ""));
  if (words && !ADDRESS.test(words)) return { lines: words.split("\n").length, text: words };
  return { lines: 0, text: place.querySelector("iframe") ? say("rich") : wordsOf(place) };
}

/** Return the text of a node without that of what is folded. */
function wordsOf(node) {
  const parts = [...node.children].filter(({ localName }) => localName !== "details");
  return (parts.length ? parts : [node]).map(({ textContent }) => textContent).join(". ").slice(0, READ_CHARS_MAX);
}
