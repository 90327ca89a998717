/** stdout or stderr on the page: blocks of lines, redrawn once per frame, the middle of very long output left out. */
import { PLAIN, styled } from "./ansi.js";
import { directed, directionOf, isLong, piecesOf } from "./direction.js";
import { make } from "./dom.js";
import { Terminal } from "./terminal.js";
import { say } from "./texts.js";

const BLOCK_LINES = 100;
const BLOCKS_SHOWN = 20; // half of them from the beginning, half from the end, until all are asked for
const LINE_CHARS_SHOWN = 20_000; // a longer line makes browsers slow
const STICKY_PX = 24; // so near the end a reader wants to see what comes next

const due = new Set(); // streams that have text to draw

/** Draw them: first look, then write, then look again; in turns, each look would lay out the page anew. */
function drawAll() {
  const streams = [...due];
  due.clear();
  const ends = streams.map((stream) => stream.isAtEnd);
  for (const stream of streams) stream.draw();
  const heights = streams.map(({ node }) => node.scrollHeight);
  const scrolling = streams.map(({ node }, i) => heights[i] > node.clientHeight + 1);
  streams.forEach(({ node }, i) => {
    if (ends[i] && scrolling[i]) node.scrollTop = heights[i];
    markReachable(node, scrolling[i]);
  });
}

export class Stream {
  constructor(name) {
    this.name = name;
    this.terminal = new Terminal();
    this.blocks = [];
    this.dirtyFrom = 0;
    this.showAll = false;
    this.more = null;
    this.hasCutLine = false;
    this.node = make("div", { class: `stream ${name}`, part: name, dir: "ltr", translate: "no" });
  }

  write(text) {
    this.dirtyFrom = Math.min(this.dirtyFrom, this.terminal.write(text));
    if (!due.size) {
      // A hidden page draws no frames, but its output must not pile up.
      if (document.hidden) setTimeout(drawAll, 100);
      else requestAnimationFrame(drawAll);
    }
    due.add(this);
  }

  /** Whether a reader is so near the end as to want to see what comes next. */
  get isAtEnd() {
    const { node } = this;
    return node.scrollHeight - node.scrollTop - node.clientHeight < STICKY_PX;
  }

  draw() {
    const { lines } = this.terminal;
    const count = Math.ceil(lines.length / BLOCK_LINES);
    const first = Math.floor(this.dirtyFrom / BLOCK_LINES);
    const hidden = this.#hiddenBlocks(count);
    for (let i = first; i < count; i += 1) {
      this.blocks[i] ??= make("div", { class: "block" });
      this.blocks[i].stale = true;
    }
    this.dirtyFrom = Math.max(0, lines.length - 1);
    this.#place(count, hidden);
  }

  /** The text, and how many lines it has; a last one that is empty does not count. */
  get text() {
    return this.terminal.lines.map(({ runs }) => runs.map(([part]) => part).join("")).join("\n");
  }

  get lineCount() {
    const { lines } = this.terminal;
    return lines.length - (lines.at(-1).isEmpty ? 1 : 0);
  }

  /** Return [from, to) of the blocks that are left out. */
  #hiddenBlocks(count) {
    const half = BLOCKS_SHOWN / 2;
    return this.showAll || count <= BLOCKS_SHOWN ? [count, count] : [half, count - half];
  }

  #place(count, [from, to]) {
    for (let i = 0; i < count; i += 1) {
      const block = this.blocks[i];
      if (i >= from && i < to) {
        if (block.isConnected) block.remove();
        continue;
      }
      if (block.stale) this.#fill(block, i);
      if (!block.parentNode) this.node.append(block);
    }
    this.#announceHidden(from, to);
  }

  #fill(block, number) {
    const { lines } = this.terminal;
    const start = number * BLOCK_LINES;
    const end = Math.min(start + BLOCK_LINES, lines.length);
    const nodes = [];
    let plain = "";
    for (let i = start; i < end; i += 1) {
      for (const [whole, style] of lines[i].runs) {
        const text = this.#cut(whole);
        if (style === PLAIN && !isLong(text)) {
          plain += text;
          continue;
        }
        if (plain) nodes.push(plain);
        plain = "";
        nodes.push(...(isLong(text) ? inPieces(text, style) : [styled(text, style)]));
      }
      if (i < lines.length - 1) plain += "\n";
    }
    if (plain) nodes.push(plain);
    block.replaceChildren(...nodes);
    directed(block);
    block.stale = false;
  }

  #cut(text) {
    if (this.showAll || text.length <= LINE_CHARS_SHOWN) return text;
    this.hasCutLine = true;
    return `${text.slice(0, LINE_CHARS_SHOWN).replace(/[\ud800-\udbff]$/, "")} …`;
  }

  #announceHidden(from, to) {
    if (from === to && !this.hasCutLine) {
      this.more?.remove();
      return;
    }
    this.more ??= make("button", { type: "button", class: "more", onclick: () => this.#expand() });
    const count = this.terminal.lines.length.toLocaleString();
    this.more.textContent = from === to ? say("show_rest") : say("show_all", { count });
    const after = this.blocks[from - 1];
    if (after.nextSibling !== this.more) after.after(this.more);
  }

  #expand() {
    this.showAll = true;
    this.hasCutLine = false;
    this.dirtyFrom = 0;
    this.node.replaceChildren();
    due.add(this);
    drawAll();
  }
}

/** What scrolls must be reachable with the keyboard. */
export function makeReachable(node) {
  markReachable(node, node.scrollHeight > node.clientHeight + 1);
}

function markReachable(node, scrolls) {
  if (scrolls === node.hasAttribute("tabindex")) return;
  if (!scrolls) {
    node.removeAttribute("tabindex");
    node.removeAttribute("role");
    node.removeAttribute("aria-label");
    return;
  }
  node.tabIndex = 0;
  node.setAttribute("role", "region");
  node.setAttribute("aria-label", say("output"));
}

/** Return the nodes of a text with the colours of terminals. */
export function styledNodes(text) {
  const terminal = new Terminal();
  terminal.write(text);
  return terminal.lines.flatMap(({ runs }, i) => [...(i ? ["\n"] : []), ...runs.map(([part, style]) => styled(part, style))]);
}

/** Return a line as blocks that are laid out one by one, and only those that are seen. */
function inPieces(text, style) {
  const dir = directionOf(text);
  return piecesOf(text).map((piece) => make("div", { class: "piece", dir }, styled(piece, style)));
}
