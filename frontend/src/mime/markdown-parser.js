/** Markdown to nodes, by way of marked's tokens: no HTML text is made of what the kernel sent. */
import { Marked } from "marked";

const SAFE_LINK = /^(?:https?:|mailto:)/i;

const math = {
  name: "math",
  level: "inline",
  start: (text) => text.indexOf("$"),
  tokenizer(text) {
    const match = /^(\$\$[^$]+\$\$|\$(?!\s)[^$\n]+?(?<![\s\\])\$(?!\d))/.exec(text);
    return match ? { type: "math", raw: match[0], text: match[0] } : undefined;
  },
  renderer: (token) => token.text,
};

const marked = new Marked({ gfm: true, extensions: [math] });
marked.use({ extensions: [math] });

/** Return HTML; it may go nowhere but into the sandboxed frame. */
export function toHtml(source) {
  return marked.parse(source, { async: false });
}

/** Return the nodes of a text, or null when it has HTML of its own. `tools`: {make(tag, properties, …), math(tex)}. */
export function nodes(source, tools) {
  const tokens = marked.lexer(source);
  let hasHtml = false;
  marked.walkTokens(tokens, (token) => {
    hasHtml ||= token.type === "html" || (token.type === "image" && !/^data:image\//.test(token.href));
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
      if (!SAFE_LINK.test(token.href)) return inner();
      return make("a", { href: token.href, target: "_blank", rel: "noopener noreferrer nofollow" }, ...inner());
    case "image":
      return make("img", { src: token.href, alt: token.text });
    case "list":
      return make(token.ordered ? "ol" : "ul", token.ordered ? { start: token.start } : {}, ...token.items.map((item) => make("li", {}, ...convert(item.tokens, tools))));
    case "table":
      return table(token, tools);
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
