/** `data-select` of the script: blocks of code that are in the page already become cells, now and when more of them come. */
import { textOf, tidy } from "../author.js";
import { IN_MARKUP } from "./names.js";

// What a block, a wrapper of it or the script may say with data-… .
const ATTRIBUTES = [
  "language", "languages", "autorun", "linked", "link-key", "readonly", "collapsed", "hide", "template", "stdin", "keep-output",
  "placeholder", "frame-hosts", "locations", "label", "run-label", "theme", "server", "key", "line-numbers", "mark-lines",
  "min-lines", "max-lines",
];
const WRAPPERS = new Set(["pre", "code", "div", "figure", "table", "tbody", "tr", "td"]);
const OF_TABLES = new Set(["tbody", "tr", "td"]);
const OF_CODE = /code|highlight|lang|listing|program|snippet/i;
const NAMED = /^(?:language|lang|highlight)-([\w+-]+)$/; // Markdown, Rouge, Sphinx
const PANDOC = "sourceCode"; // beside it stands the language
const NO_LANGUAGE = new Set(["default", "none", "text", "plaintext", "source", "rouge"]);

/** Make cells of all blocks that the script's selector names; `script`: the element. */
export function makeCells(script) {
  // A block that the browser is still reading is half a block.
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => follow(script), { once: true });
  else follow(script);
}

function follow(script) {
  const cells = new Map(); // block → its cell
  const scan = () => {
    // A site that changes its page without loading a new one takes blocks away, and knows nothing of our cells.
    for (const [block, cell] of cells) if (!block.isConnected) cells.delete(block), cell.remove();
    for (const node of document.querySelectorAll(script.dataset.select)) {
      if (node.closest("single-cell")) continue;
      const block = blockOf(node);
      if (cells.has(block)) continue;
      const cell = cellOf(script, node, block);
      cells.set(block, cell);
      // The block stays: frameworks do not look after nodes that others have taken away.
      block.style.setProperty("display", "none", "important");
      block.after(cell);
    }
  };
  try {
    scan();
  } catch (error) {
    console.warn(`single-cell: data-select="${script.dataset.select}" is no CSS selector: ${error.message}`);
    return;
  }
  new MutationObserver(scan).observe(document.body, { childList: true, subtree: true });
}

/** Return the outermost of the nodes around a piece of code that hold nothing else: borders, numbers, buttons. */
function blockOf(node) {
  const text = squeezed(node);
  let block = node;
  for (let outer = node.parentElement; outer && WRAPPERS.has(outer.localName); outer = outer.parentElement) {
    if (squeezed(outer) !== text) break;
    if (outer.localName === "pre" || OF_CODE.test(outer.className)) block = outer;
    else if (!OF_TABLES.has(outer.localName) && outer.className) break;
  }
  return block;
}

function squeezed(node) {
  return textOf(node).replace(/\s/g, "");
}

function cellOf(script, node, block) {
  const around = chain(node, block);
  const cell = document.createElement("single-cell");
  for (const name of ATTRIBUTES) {
    const holder = [...around, script].find((one) => one.hasAttribute(`data-${name}`));
    if (holder) cell.setAttribute(name, holder.getAttribute(`data-${name}`));
  }
  const language = cell.getAttribute("language") ?? languageOf([...around, ...node.querySelectorAll("pre, code")]);
  if (language) cell.setAttribute("language", IN_MARKUP[language] ?? language);
  // Hidden code of the page, outside of cells, runs before each of them.
  for (const setup of document.querySelectorAll("[data-setup]")) {
    if (!setup.closest("single-cell")) cell.append(setup.cloneNode(true));
  }
  const source = document.createElement("pre");
  source.textContent = tidy(textOf(node));
  cell.append(source);
  return cell;
}

/** Return the nodes from a piece of code to the block around it. */
function chain(node, block) {
  const nodes = [node];
  while (nodes.at(-1) !== block) nodes.push(nodes.at(-1).parentElement);
  return nodes;
}

function languageOf(nodes) {
  for (const { classList } of nodes) {
    const names = [...classList];
    const beside = classList.contains(PANDOC) ? names.find((name) => name !== PANDOC && /^\w+$/.test(name)) : null;
    const named = (names.map((name) => NAMED.exec(name)?.[1]).find(Boolean) ?? beside)?.toLowerCase();
    if (named && !NO_LANGUAGE.has(named)) return named;
  }
  return null;
}
