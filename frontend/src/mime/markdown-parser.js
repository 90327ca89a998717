/** Markdown to nodes, by way of marked's tokens: no HTML text is made of what the kernel sent. */
import { Marked } from "marked";

const SAFE_LINK = /^(?:https?:|mailto:)/i;

// Without these rules Markdown would take backslashes, underscores and stars of a formula for marks of its own. The lengths
// bound what a text with many beginnings and no ends costs.
const INLINE = /^(?:\$\$[^$]+\$\$|\$(?!\s)(?:[^$\\\n`]|\\.)+?(?<!\s)\$(?!\d)|(\\{1,2})\([^\n]{1,500}?\1\)|\\\\\[[^]{1,2000}?\\\\\]|\\begin\{(\w{1,20}\*?)\}[^]{1,4000}?\\end\{\2\})/;
const BLOCK = /^ {0,3}(?:\$\$[^$]+\$\$|(\\{1,2})\[[^]{1,4000}?\1\]|\\begin\{(\w{1,20}\*?)\}[^]{1,4000}?\\end\{\2\})[ \t]*(?:\n|$)/;
const BLOCK_IN_PARAGRAPH = /\n(?= {0,3}(?:\$\$|\\{1,2}\[|\\begin\{))|\n[ \t]*(\n)/g;
const TRIES_MAX = 20;

function inlineStart(text) {
  const [dollar, backslash] = [text.indexOf("$"), text.indexOf("\\")];
  return dollar < 0 || backslash < 0 ? Math.max(dollar, backslash) : Math.min(dollar, backslash);
}

/** Return where a formula interrupts the paragraph that a text begins with, or -1. */
function blockStart(text) {
  let tries = 0;
  for (const { 1: blankLine, index } of text.matchAll(BLOCK_IN_PARAGRAPH)) {
    if (blankLine || (tries += 1) > TRIES_MAX) return -1;
    if (BLOCK.test(text.slice(index + 1))) return index;
  }
  return -1;
}

function rule(name, level, pattern, start) {
  return {
    name,
    level,
    start,
    tokenizer(text) {
      const [raw] = pattern.exec(text) ?? [];
      return raw && { type: name, raw, text: raw.trim().replace(/^\\\\([([])/, "\\$1").replace(/\\\\([)\]])$/, "\\$1") };
    },
    renderer: ({ text }) => text.replace(/[&<>]/g, (char) => `&#${char.charCodeAt(0)};`),
  };
}

const extensions = [
  rule("math", "inline", INLINE, inlineStart),
  rule("mathBlock", "block", BLOCK, blockStart),
];
const marked = new Marked({ gfm: true }, { extensions });

/** Return HTML; it may go nowhere but into the sandboxed frame. */
export function toHtml(source) {
  return marked.parse(source, { async: false });
}

/**
 * Return the nodes of a text, or null when it has HTML of its own. `tools`: {make(tag, properties, …), math(tex),
 * fileName(address), file(path, children)}: a link to a file of the cell, or without children its picture.
 */
export function nodes(source, tools) {
  const tokens = marked.lexer(source);
  let hasHtml = false;
  marked.walkTokens(tokens, (token) => {
    hasHtml ||= token.type === "html" || (token.type === "image" && !/^data:image\//.test(token.href) && !tools.fileName(token.href));
  });
  return hasHtml ? null : convert(tokens, tools);
}

function convert(tokens, tools) {
  return (tokens ?? []).flatMap((token) => one(token, tools) ?? []);
}

function one(token, tools) {
  const { make } = tools;
  const inner = () => convert(token.tokens, tools);
  switch (token.type) {
    case "heading":
      return make(`h${Math.min(6, token.depth + 2)}`, {}, ...inner());
    case "paragraph":
      return make("p", {}, ...inner());
    case "strong":
    case "em":
    case "del":
    case "blockquote":
      return make(token.type, {}, ...inner());
    case "br":
    case "hr":
      return make(token.type);
    case "codespan":
      return make("code", {}, token.text);
    case "code":
      return make("pre", { dir: "ltr" }, make("code", {}, token.text));
    case "link":
      if (tools.fileName(token.href)) return tools.file(tools.fileName(token.href), inner());
      if (!SAFE_LINK.test(token.href)) return inner();
      return make("a", { href: token.href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...inner());
    case "image":
      if (tools.fileName(token.href)) return tools.file(tools.fileName(token.href), null);
      return make("img", { src: token.href, alt: token.text });
    case "list":
      return make(token.ordered ? "ol" : "ul", token.ordered ? { start: token.start } : {}, ...token.items.map((item) => make("li", {}, ...convert(item.tokens, tools))));
    case "table":
      return table(token, tools);
    case "mathBlock":
      return make("p", {}, tools.math(token.text));
    case "math":
      return tools.math(token.text);
    case "checkbox":
      return make("input", { type: "checkbox", disabled: true, checked: token.checked });
    case "space":
    case "def":
      return null;
    default:
      return token.tokens ? inner() : document.createTextNode(plain(token));
  }
}

function table(token, tools) {
  const { make } = tools;
  const row = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, { class: cell.align && `align-${cell.align}` }, ...convert(cell.tokens, tools))));
  return make("table", {}, make("thead", {}, row(token.header, "th")), make("tbody", {}, ...token.rows.map((cells) => row(cells, "td"))));
}

/** marked escapes some texts for HTML; ours become text nodes. */
function plain({ text = "", raw, escaped }) {
  if (!escaped) return text || raw || "";
  return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" })[name]);
}
