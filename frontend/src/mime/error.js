/** Errors: what went wrong and in which line, the full traceback one click away. */
import { make } from "../dom.js";
import { say } from "../texts.js";
import { textNode } from "./text.js";

const ESCAPES = /\x1b\[[0-9;]*m/g;

export function errorNode({ ename, evalue, traceback }) {
  const parts = Array.isArray(traceback) ? traceback.map(String) : [];
  const value = String(evalue ?? "").replace(ESCAPES, "");
  const title = make("p", { class: "error-title" }, make("strong", {}, String(ename ?? "Error")), value && `: ${value}`);
  const node = make("div", { class: "error", part: "error" }, title);
  const line = guiltyLine(parts);
  if (line) {
    const number = make("span", { class: "error-number" }, say("line", { number: line.number }));
    node.append(make("p", { class: "error-line", dir: "ltr" }, number, " ", make("code", {}, line.text)));
  }
  if (parts.join("").replace(ESCAPES, "") !== `${ename}: ${evalue}`) {
    const details = make("details", {}, make("summary", {}, say("show_traceback")));
    details.addEventListener("toggle", () => details.append(textNode(parts.join("\n"))), { once: true });
    node.append(details);
  }
  return node;
}

/** Return {number, text} of the last line of the cell itself that the traceback points at. */
export function guiltyLine(parts) {
  // Of an error that the code had before it became Python, each line is a part.
  for (const part of [...parts].reverse().concat(parts.join("\n"))) {
    const text = part.replace(ESCAPES, "");
    if (!/^\s*(Cell In|Input In|File <|File "(?:<|Cell In))/m.test(text)) continue;
    const arrow = [...text.matchAll(/^-+>\s*(\d+)[ \t]+(.*)$/gm)].pop();
    if (arrow) return { number: arrow[1], text: arrow[2].trim() };
    const syntax = /line (\d+)\n\s*(.*)/.exec(text);
    if (syntax) return { number: syntax[1], text: syntax[2].trim() };
  }
  return null;
}
