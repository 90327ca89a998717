/**
 * Completion (Tab after a name, or Ctrl+Space), signatures after `(`, and documentation (Shift+Tab), all from the server.
 * Loaded when somebody goes into an editor.
 */
import { askedBy } from "./asking_keys.js";

const SHOWN_MAX = 100;
const PAUSE_MS = 250; // of the typing, before a signature is asked for
const ESCAPES = /\x1b\[[0-9;]*m/g;
const SIGNATURE = /^(?:Init s|Call s|S)ignature:\s*([^]*?)\n(?=[A-Z][\w ]*:)/m;
const SAID = /^(?:Docstring|Init docstring):\s*(\S[^\n]*)/m;

export class Suggestions {
  #cell;
  #editor;
  #ask;
  #make;
  #say;
  #textNode;
  #popup = null;
  #matches = [];
  #chosen = 0;
  #range = [0, 0];
  #asked = 0;
  #opened = null; // where the bracket stands whose signature is shown
  #before; // the code before the last edit
  #timer = null;

  /**
   * `ask(kind, code, cursor_pos)` resolves with the content of complete_reply or inspect_reply, or with null.
   * `tools`: {make(tag, properties, …), say(key), textNode(text)}; `before`: the code when somebody went into the editor.
   */
  constructor(cell, editor, ask, { make, say, textNode }, before) {
    this.#cell = cell;
    this.#editor = editor;
    this.#before = before;
    this.#ask = ask;
    [this.#make, this.#say, this.#textNode] = [make, say, textNode];
    const field = editor.textarea;
    field.setAttribute("aria-autocomplete", "list");
    cell.addEventListener("keydown", (event) => this.#onKey(event), { capture: true });
    field.addEventListener("blur", () => this.#close());
    field.addEventListener("input", () => this.#onInput());
    field.addEventListener("pointerdown", () => this.#close());
    this.#onInput();
  }

  #onInput() {
    const { code } = this.#editor;
    const caret = this.#editor.textarea.selectionStart;
    const isTyped = code.length > this.#before.length && code[caret - 1] === "(" && /[\w)\]]\($/.test(code.slice(0, caret));
    this.#before = code;
    if (this.#opened === null || !this.#isInside(this.#opened)) this.#close();
    if (!isTyped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#showSignature(caret - 1), PAUSE_MS);
  }

  /** Whether the caret is inside the brackets that open at an offset. */
  #isInside(opened) {
    const { code, textarea } = this.#editor;
    let depth = 0;
    for (const char of code.slice(opened, textarea.selectionStart)) depth += { "(": 1, ")": -1 }[char] ?? 0;
    return code[opened] === "(" && depth > 0;
  }

  async #showSignature(opened) {
    const { code, textarea } = this.#editor;
    const isWanted = () => this.#isInside(opened) && !this.#matches.length && textarea.getRootNode().activeElement === textarea;
    if (!isWanted()) return;
    const reply = await this.#ask("inspect", code, [...code.slice(0, opened + 1)].length);
    if (!isWanted()) return;
    const text = String((reply?.found && reply.data?.["text/plain"]) || "").replace(ESCAPES, "");
    const [, signature] = SIGNATURE.exec(text) ?? [];
    if (!signature) return;
    const said = SAID.exec(text)?.[1] ?? "";
    this.#matches = [];
    const about = this.#make("div", { class: "popup text signature", role: "status", "aria-label": this.#say("documentation"), dir: "ltr" }, this.#make("strong", {}, signature.trim()));
    if (said) about.append("\n", said);
    this.#open(about);
    this.#opened = opened;
  }

  #onKey(event) {
    if (event.composedPath()[0] !== this.#editor.textarea || this.#editor.textarea.getAttribute("aria-readonly") === "true") return;
    const handled = this.#popup ? this.#onPopupKey(event) : this.#onEditorKey(event);
    if (!handled) return;
    event.preventDefault();
    event.stopPropagation();
  }

  #onEditorKey(event) {
    const asked = askedBy(event, this.#editor);
    const { selectionStart } = this.#editor.textarea;
    if (asked === "complete") this.#complete(selectionStart);
    else if (asked) this.#inspect(selectionStart);
    return Boolean(asked);
  }

  #onPopupKey(event) {
    const { key, shiftKey, ctrlKey, metaKey } = event;
    // A signature stands by while its arguments are typed.
    if (this.#opened !== null && key !== "Escape") return this.#onEditorKey(event);
    if (shiftKey || ctrlKey || metaKey) {
      this.#close();
      return false;
    }
    if (key === "Escape") this.#close();
    else if (this.#matches.length && (key === "ArrowDown" || key === "ArrowUp")) this.#choose(this.#chosen + (key === "ArrowDown" ? 1 : -1));
    else if (this.#matches.length && (key === "Enter" || key === "Tab")) this.#accept(this.#chosen);
    else {
      if (key.startsWith("Arrow") || key === "Enter" || key === "Tab") this.#close();
      return false;
    }
    return true;
  }

  async #complete(offset) {
    const reply = await this.#request("complete", offset);
    if (!reply?.matches?.length) return;
    const { code } = this.#editor;
    this.#range = [offsetOf(code, reply.cursor_start), offsetOf(code, reply.cursor_end)];
    this.#matches = reply.matches.slice(0, SHOWN_MAX).map(String);
    if (this.#matches.length === 1) return this.#accept(0);
    const options = this.#matches.map((match, i) =>
      this.#make("div", { id: `option-${i}`, role: "option", onpointerdown: (event) => (event.preventDefault(), this.#accept(i)) }, match),
    );
    this.#open(this.#make("div", { class: "popup", id: "suggestions", role: "listbox", "aria-label": this.#say("completions"), dir: "ltr" }, ...options));
    this.#choose(0);
  }

  async #inspect(offset) {
    const reply = await this.#request("inspect", offset);
    const text = reply?.found && reply.data?.["text/plain"];
    if (!text) return;
    this.#matches = [];
    this.#open(this.#make("div", { class: "popup text", role: "status", "aria-label": this.#say("documentation"), dir: "ltr" }, this.#textNode(text)));
  }

  /** Ask the server; an answer that comes when the student has typed on is of no use any more. */
  async #request(kind, offset) {
    const { code } = this.#editor;
    const number = (this.#asked += 1);
    const reply = await this.#ask(kind, code, [...code.slice(0, offset)].length);
    const current = number === this.#asked && code === this.#editor.code && this.#editor.textarea.selectionStart === offset;
    return current ? reply : null;
  }

  #open(popup) {
    this.#popup?.remove();
    this.#popup = popup;
    this.#opened = null;
    this.#cell.append(popup);
    const box = this.#cell.getBoundingClientRect();
    const caret = this.#editor.place(this.#matches.length ? this.#range[0] : this.#editor.textarea.selectionStart);
    const left = Math.max(0, Math.min((caret?.left ?? box.left) - box.left - 8, box.width - popup.offsetWidth - 8));
    popup.style.left = `${left}px`;
    popup.style.top = `${(caret?.bottom ?? box.top) - box.top + 2}px`;
  }

  #choose(number) {
    const options = this.#popup.children;
    options[this.#chosen]?.removeAttribute("aria-selected");
    this.#chosen = (number + options.length) % options.length;
    options[this.#chosen].setAttribute("aria-selected", "true");
    options[this.#chosen].scrollIntoView({ block: "nearest" });
    this.#editor.textarea.setAttribute("aria-activedescendant", `option-${this.#chosen}`);
  }

  #accept(number) {
    const [start, end] = this.#range;
    const match = this.#matches[number];
    this.#editor.replace(start, end, match); // the edit closes the list
    this.#close();
  }

  #close() {
    this.#popup?.remove();
    this.#popup = null;
    this.#matches = [];
    this.#chosen = 0;
    this.#opened = null;
    this.#editor.textarea.removeAttribute("aria-activedescendant");
  }
}

/** Return the place in a JavaScript string of a position that counts code points. */
function offsetOf(text, position) {
  return [...text].slice(0, position).join("").length;
}
