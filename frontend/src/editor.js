/** The code editor: a real <textarea> with colours behind it, so that undo, IME, touch and screen readers just work. */
import { createEditor } from "prism-code-editor";
import { defaultKeymap, editHistory, editorCommands } from "prism-code-editor/commands";
import "prism-code-editor/languages/gap";
import "prism-code-editor/languages/julia";
import "prism-code-editor/languages/matlab";
import "prism-code-editor/languages/python";
import "prism-code-editor/languages/r";
import { languages } from "prism-code-editor/prism";
import { matchBrackets } from "prism-code-editor/match-brackets";
import { highlightBracketPairs } from "prism-code-editor/highlight-brackets";
import "prism-code-editor/prism/languages/gap";
import "prism-code-editor/prism/languages/julia";
import "prism-code-editor/prism/languages/matlab";
import "prism-code-editor/prism/languages/python";
import "prism-code-editor/prism/languages/r";
import { loadPart } from "./lazy.js";

// What on-screen keyboards do to prose must not happen to code.
const TYPED_AS_IT_IS = { autocapitalize: "off", autocomplete: "off", autocorrect: "off", spellcheck: "false", translate: "no" };

// Of the part "grammars".
const FURTHER = ["bash", "c", "cpp", "html", "java", "javascript", "markdown"];

const keymap = { ...defaultKeymap };
for (const key of ["Mod+Enter", "8+Enter"]) delete keymap[key]; // these run the cell

/** Learn a grammar that is not in this script; without it the code is plain text. */
export async function learn(language) {
  if (!FURTHER.includes(language) || languages[language]) return;
  const more = await loadPart("grammars").catch(() => ({}));
  Object.assign(languages, more.languages);
}

export class Editor {
  #prism;
  #tabLeaves = false;
  #marks = new Map(); // kind → {code, numbers}

  /** `language`: name of a grammar; an unknown one gives plain text. `on.run()`, `on.change(code)`; `label`: of the text field; `hint`: id of the text that explains its keys. */
  constructor(parent, { code, language, readonly, label, hint, placeholder, lineNumbers, markedLines, lines, on }) {
    this.#prism = createEditor(
      parent,
      { language, value: code, tabSize: 4, readOnly: readonly, lineNumbers, onUpdate: (value) => this.#updated(value, on) },
      matchBrackets(),
      highlightBracketPairs(),
      editHistory(),
      editorCommands(keymap),
    );
    for (const [name, count] of Object.entries(lines)) {
      if (/^[1-9]\d{0,3}$/.test(count)) parent.style.setProperty(`--${name}-lines`, count);
    }
    this.mark("marked-line", numbersOf(markedLines));
    delete this.#prism.keyCommandMap.Escape; // it would take the focus away
    const field = this.#prism.textarea;
    field.setAttribute("aria-label", label);
    field.setAttribute("aria-describedby", hint);
    for (const [name, value] of Object.entries(TYPED_AS_IT_IS)) field.setAttribute(name, value);
    if (placeholder) field.placeholder = placeholder;
    parent.addEventListener("keydown", (event) => this.#onKey(event, on), { capture: true });
    field.addEventListener("blur", () => (this.#tabLeaves = false));
  }

  get code() {
    return this.#prism.value;
  }

  /** Other code takes the place of what is there, so that undo brings that back. */
  set code(value) {
    if (value === this.#prism.value) return;
    const { textarea } = this.#prism;
    const edit = { inputType: "insertReplacementText" };
    textarea.dispatchEvent(new Event("selectionchange")); // else two such edits would be undone together
    textarea.dispatchEvent(new InputEvent("beforeinput", edit));
    textarea.value = value;
    textarea.setSelectionRange(0, 0);
    textarea.dispatchEvent(new InputEvent("input", edit));
  }

  /** Show code that is there from the beginning: nothing is undone to what was before. */
  begin(value) {
    if (value !== this.#prism.value) this.#prism.setOptions({ value });
  }

  /** Undo (-1) or do again (1) one edit. */
  step(by) {
    this.#prism.extensions.history.go(by);
  }

  /** Whether the next Tab leaves the editor (after Escape). */
  get tabLeaves() {
    return this.#tabLeaves;
  }

  set language(language) {
    this.#prism.setOptions({ language });
  }

  /** Mark these lines of the code that is there now, counted from 1, instead of those marked so before. */
  mark(kind, numbers) {
    this.#marks.set(kind, { code: this.code, numbers });
    this.#drawMarks(kind);
  }

  lineText(number) {
    return this.code.split("\n")[number - 1] ?? "";
  }

  /** Lines keep their marks while others are edited; that of an error goes with the first edit. */
  #updated(code, on) {
    for (const [kind, { code: marked, numbers }] of this.#marks) {
      if (code === marked) this.#drawMarks(kind);
      else if (kind === "guilty-line" && numbers.length) this.mark(kind, []);
    }
    on.change(code);
  }

  #drawMarks(kind) {
    const { numbers } = this.#marks.get(kind);
    for (const [number, line] of [...this.#prism.lines].entries()) {
      if (number) line.classList.toggle(kind, numbers.includes(number)); // the first holds the text field
      if (number && numbers.includes(number)) line.setAttribute("part", kind);
      else if (line.getAttribute("part") === kind) line.removeAttribute("part");
    }
  }

  set readonly(readOnly) {
    this.#prism.setOptions({ readOnly });
  }

  /** Return where a character stands on the screen, {left, bottom}, or null. */
  place(offset) {
    const before = this.code.slice(0, offset);
    const line = this.#prism.lines[before.split("\n").length];
    const walker = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
    let left = before.length - before.lastIndexOf("\n") - 1;
    for (let node; (node = walker.nextNode()); left -= node.length) {
      if (left > node.length) continue;
      const range = document.createRange();
      range.setStart(node, left);
      return range.getBoundingClientRect();
    }
    return null;
  }

  get textarea() {
    return this.#prism.textarea;
  }

  /** Put text in place of what stands between two offsets, so that undo takes it back. */
  replace(start, end, text) {
    this.textarea.focus();
    this.textarea.setSelectionRange(start, end);
    document.execCommand("insertText", false, text); // the only edit that browsers enter into their undo history
  }

  /** Type a character as a keyboard would: brackets are closed, Tab indents or completes. */
  type(character) {
    this.textarea.focus();
    const key = { key: character, bubbles: true, cancelable: true, keyCode: character === "Tab" ? 9 : 0 };
    if (!this.textarea.dispatchEvent(new KeyboardEvent("keydown", key)) || character === "Tab") return;
    // Not every browser announces what a script inserts; the editor closes brackets when it is announced.
    const input = { inputType: "insertText", data: character, cancelable: true };
    if (this.textarea.dispatchEvent(new InputEvent("beforeinput", input))) document.execCommand("insertText", false, character);
  }

  #onKey(event, on) {
    if (event.isComposing || event.altKey) return;
    const modified = event.shiftKey || event.ctrlKey || event.metaKey;
    if (event.key === "Enter" && modified) {
      event.preventDefault();
      event.stopImmediatePropagation();
      on.run();
    } else if (event.key === "Escape") {
      this.#tabLeaves = true;
    } else if (event.key === "Tab" && (this.#tabLeaves || this.#prism.options.readOnly)) {
      event.stopImmediatePropagation();
    } else if (event.key !== "Tab" && event.key !== "Shift") {
      this.#tabLeaves = false;
    }
  }
}

/** Return the numbers in a text like "2 4-6". */
function numbersOf(text) {
  const found = (text ?? "").matchAll(/(\d{1,4})(?:-(\d{1,4}))?/g);
  return [...found].flatMap(([, first, last]) => Array.from({ length: Math.max(0, (last ?? first) - first) + 1 }, (_, i) => Number(first) + i));
}
