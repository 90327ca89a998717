/** Errors: what went wrong and in which line, the full traceback one click away. */
import { directed } from "../direction.js";
import { make } from "../dom.js";
import { makeReachable, styledNodes } from "../stream.js";
import { say } from "../texts.js";

const ESCAPES = /\x1b\[[0-9;]*m/g;
const VALUE_CHARS_SHOWN = 2000; // of the title; the traceback has more
const ITEMS_SHOWN = 200; // half of them from the beginning, half from the end
const ITEM_CHARS_SHOWN = 20_000;

/** Return the node of an error; `title` in it is what can be read aloud. */
export function errorNode({ ename, evalue, traceback }) {
  const parts = Array.isArray(traceback) ? traceback.map(String) : [];
  const value = shorter(String(evalue ?? "").replace(ESCAPES, ""), VALUE_CHARS_SHOWN);
  const title = directed(make("p", { class: "error-title" }, make("strong", {}, String(ename ?? "Error")), value && `: ${value}`));
  const node = make("div", { class: "error", part: "error" }, title);
  const line = guiltyLine(parts);
  if (line) {
    const number = make("span", { class: "error-number" }, say("line", { number: line.number }));
    node.append(make("p", { class: "error-line", dir: "ltr" }, number, " ", make("code", {}, line.text)));
  }
  if (parts.join("").replace(ESCAPES, "") !== `${ename}: ${evalue}`) {
    const details = make("details", {}, make("summary", {}, say("show_traceback")));
    details.addEventListener("toggle", () => showTraceback(details, parts), { once: true });
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

/** Show the traceback as a list of its calls. */
function showTraceback(details, parts) {
  const all = parts.flatMap((part) => part.split(/^(?=  File ")/m)).filter((item) => !/^-*$/.test(item.replace(ESCAPES, "").trim()));
  const half = ITEMS_SHOWN / 2;
  const shown = all.length > ITEMS_SHOWN ? [...all.slice(0, half), "…", ...all.slice(-half)] : all;
  const [heading] = /Traceback \(most recent/.test(shown[0]) ? shown.splice(0, 1) : [];
  const items = shown.map((item) => make("li", {}, ...styledNodes(shorter(item, ITEM_CHARS_SHOWN))));
  const list = make("ol", { class: "traceback", role: "list" }, ...items); // without its marks Safari takes it for none
  const first = heading ? [make("div", {}, ...styledNodes(heading))] : [];
  const stream = make("div", { class: "stream plain", part: "plain", dir: "ltr", translate: "no" }, ...first, list);
  details.append(stream);
  makeReachable(stream);
}

function shorter(text, chars_max) {
  return text.length > chars_max ? `${text.slice(0, chars_max)} …` : text;
}
