/** stdout or stderr on the page: blocks of lines, redrawn once per frame, the middle of very long output left out. */
import { PLAIN, styled } from "./ansi.js";
import { make } from "./dom.js";
import { Terminal } from "./terminal.js";
import { say } from "./texts.js";

const BLOCK_LINES = 100;
const BLOCKS_SHOWN = 20; // half of them from the beginning, half from the end, until all are asked for
const LINE_CHARS_SHOWN = 20_000; // a longer line makes browsers slow
const STICKY_PX = 24; // so near the end a reader wants to see what comes next

export class Stream {
  constructor(name) {
    this.name = name;
    this.terminal = new Terminal();
    this.blocks = [];
    this.dirtyFrom = 0;
    this.showAll = false;
    this.more = null;
    this.hasCutLine = false;
    this.scheduled = false;
    this.node = make("div", { class: `stream ${name}`, part: name, dir: "ltr", translate: "no" });
  }

  write(text) {
    this.dirtyFrom = Math.min(this.dirtyFrom, this.terminal.write(text));
    if (this.scheduled) return;
    this.scheduled = true;
    // A hidden page draws no frames, but its output must not pile up.
    if (document.hidden) setTimeout(() => this.draw(), 100);
    else requestAnimationFrame(() => this.draw());
  }

  draw() {
    this.scheduled = false;
    const { node } = this;
    const sticky = node.scrollHeight - node.scrollTop - node.clientHeight < STICKY_PX;
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
    if (sticky) node.scrollTop = node.scrollHeight;
    this.#makeReachable();
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
        if (style === PLAIN) {
          plain += text;
          continue;
        }
        if (plain) nodes.push(plain);
        plain = "";
        nodes.push(styled(text, style));
      }
      if (i < lines.length - 1) plain += "\n";
    }
    if (plain) nodes.push(plain);
    block.replaceChildren(...nodes);
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
    this.draw();
  }

  /** What scrolls must be reachable with the keyboard. */
  #makeReachable() {
    const scrolls = this.node.scrollHeight > this.node.clientHeight + 1;
    if (scrolls === this.node.hasAttribute("tabindex")) return;
    if (!scrolls) {
      this.node.removeAttribute("tabindex");
      this.node.removeAttribute("role");
      this.node.removeAttribute("aria-label");
      return;
    }
    this.node.tabIndex = 0;
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-label", say("output"));
  }
}
