/** What the author of the page wrote inside the element: code, and code that is hidden and runs first. */

const AS_IT_IS = "script, textarea, template"; // no editor has put marks between their lines
const BLOCKS = "p, div, pre, li, ul, ol, h1, h2, h3, h4, h5, h6, blockquote, section, article, table, tr";
// Prompts, results and line numbers are what Pygments, Rouge and others put beside code.
const NO_CODE = "[data-setup], [data-output], [data-check], [data-hint], [data-solution], [slot], style, button, span.gp, span.go, .linenos, .lineno, .gutter";
// No code is marked up so; and what follows a cell stands inside it when Markdown has wrapped its end in a paragraph.
const NEVER_IN_CODE = "h1, h2, h3, h4, h5, h6, nav, footer, single-cell";

/** Return {code, setup} of an element whose children the browser has parsed. */
export function readAuthor(element) {
  const setup = [...element.querySelectorAll("[data-setup]")].map((node) => tidy(textOf(node))).join("\n");
  const child = [...element.children].find((node) => node.matches(`pre, ${AS_IT_IS}`) && !node.matches(NO_CODE));
  return { code: unfenced(tidy(textOf(child ?? element))), setup };
}

/** Jekyll leaves a fence inside the element as it was written. */
function unfenced(code) {
  return /^(```+|~~~+).*\n([^]*)\n\1$/.exec(code)?.[2] ?? code;
}

/** Return the text of a node as a reader sees its lines, whatever marks an editor has put between them. */
export function textOf(node) {
  if (node.localName === "template") return textOf(node.content);
  if (node.matches?.(AS_IT_IS)) return node.textContent;
  let text = "";
  const newLine = () => (text += text && !text.endsWith("\n") ? "\n" : "");
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) text += ownText(child);
    else if (child.nodeType !== Node.ELEMENT_NODE || child.matches(NO_CODE)) continue;
    else if (child.localName === "br") text += "\n";
    else if (isBlock(child)) {
      newLine();
      text += textOf(child);
      newLine();
    } else text += textOf(child);
  }
  return text;
}

/** Whether Markdown, or an editor of pages, has probably taken the code of a cell apart. */
export function seemsTakenApart(element, code) {
  if (element.querySelector(NEVER_IN_CODE)) return true;
  // `<p><single-cell></p>`: the end of the paragraph ended the cell, too.
  const endsParagraph = element.parentElement?.localName === "p" && !element.nextSibling;
  return endsParagraph && !code.replace(/#.*/g, "").trim();
}

function ownText({ data, previousSibling, nextSibling, parentElement }) {
  const text = data.replace(/\r\n?/g, "\n").replaceAll("\u00a0", " ");
  if (parentElement?.closest("pre")) return text;
  // Between blocks, and after a mark for a new line, what the source of the page is written with is no code.
  if ((isBlock(previousSibling) || isBlock(nextSibling)) && /^[ \t\n]*$/.test(data)) return "";
  return previousSibling?.localName === "br" ? text.replace(/^\n/, "") : text;
}

function isBlock(node) {
  return Boolean(node?.matches?.(BLOCKS));
}

/** Remove blank lines around code and the indentation that all of its lines share. */
export function tidy(text) {
  const lines = text.replace(/\r\n?/g, "\n").replace(/^(?:[ \t]*\n)+/, "").replace(/\s+$/, "").split("\n");
  const margins = lines.filter((line) => line.trim()).map((line) => /^[ \t]*/.exec(line)[0].length);
  const margin = margins.length ? Math.min(...margins) : 0;
  return lines.map((line) => line.slice(margin)).join("\n");
}
