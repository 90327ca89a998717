/** Hints, one after another, and the solution behind them: <details>, which keyboards and screen readers know. */
import { make } from "../dom.js";
import { say } from "./texts.js";

const CODE = "script, pre";

/**
 * Read hints and solution from the author's page. Returns {nodes, offer({solution})}.
 * `on`: opened({hints} or {solution}), use(code).
 */
export function readHelp(element, codeIn, on) {
  const hints = [...element.querySelectorAll("[data-hint]")];
  const solutions = [...element.querySelectorAll("[data-solution]")];
  let seen = 0;
  const show = () => nodes.forEach((node, at) => (node.hidden = at > seen));
  const nodes = hints.map((hint, at) =>
    help("hint", say("hint", { number: at + 1, count: hints.length }), [content(hint, `hint-${at + 1}`, codeIn)], () => {
      seen = Math.max(seen, at + 1);
      show();
      on.opened({ hints: seen });
    }),
  );
  show();
  if (!solutions.length) return { nodes, offer() {} };
  const parts = solutions.flatMap((solution, at) => {
    const shown = content(solution, `solution-${at + 1}`, codeIn);
    const code = codeNode(solution);
    if (!code) return [shown];
    const use = make("button", { type: "button", class: "use", onclick: () => on.use(codeIn(code)) }, say("use"));
    return [shown, use];
  });
  const solution = help("solution", say("solution"), parts, () => on.opened({ solution: true }));
  // What has been read is not taken away again.
  const offer = (allowed) => (solution.hidden = !solution.open && !(allowed.solution && seen >= hints.length));
  return { nodes: [...nodes, solution], offer };
}

function help(kind, title, children, opened) {
  const details = make("details", { class: "help", part: kind }, make("summary", {}, title), make("div", {}, ...children));
  details.addEventListener("toggle", () => details.open && opened());
  return details;
}

/** Return the node that holds code and nothing else, or null; it may stand in a template. */
function codeNode(node) {
  if (node.localName !== "template") return node.matches(CODE) ? node : null;
  const [only, ...more] = node.content.children;
  return only?.matches(CODE) && !more.length ? only : null;
}

/** Code is shown as code; what else the author wrote stays in the page, and looks as the page has it. */
function content(node, name, codeIn) {
  const code = codeNode(node);
  if (code) return make("pre", { class: "code", dir: "ltr", tabindex: "0" }, make("code", {}, codeIn(code)));
  if (node.localName === "template") return make("div", {}, node.content.cloneNode(true));
  node.slot = name;
  return make("slot", { name });
}
