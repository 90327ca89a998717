/** What took the place of the reader's code or language at once: a note offers what was there, and so do the keys for undo. */
import { isTypedInto } from "./keys.js";

export class Replacements {
  #editor;
  #view;
  #setLanguage;
  #now;
  #done = []; // {before, after}, each {code, language}; the last one is undone first
  #undone = [];
  #runs = 0; // since the note is there

  /** `on.now()`: {code, language} that the cell has; `on.language(name)` sets that. */
  constructor(view, editor, on) {
    this.#view = view;
    this.#editor = editor;
    this.#now = on.now;
    this.#setLanguage = on.language;
    view.cell.addEventListener("keydown", (event) => this.#onKey(event), { capture: true });
  }

  /** Put code and language in the place of what is there, and say so; `null` says nothing. */
  put(after, sentence) {
    const before = this.#now();
    if (isSame(before, after)) return;
    this.#done.push({ before, after });
    this.#undone = [];
    this.#runs = 0;
    this.#view.showNote(sentence, () => this.#undo());
    this.#setLanguage(after.language);
    this.#editor.code = after.code;
  }

  /** A note about what is no longer there is of no use. */
  changed() {
    if (this.#done.length && !isSame(this.#now(), this.#done.at(-1).after)) this.#view.showNote(null);
  }

  /** The first run after a replacement belongs to it; with the next one the reader has moved on. */
  ran() {
    this.#runs += 1;
    if (this.#runs > 1) this.#view.showNote(null);
  }

  #undo() {
    const replacement = this.#done.pop();
    const isLast = isSame(this.#now(), replacement.after);
    this.#undone.push(replacement);
    this.#setLanguage(replacement.before.language);
    // What was typed since is one more step away.
    if (!isLast) this.#editor.code = replacement.before.code;
    else if (replacement.before.code !== replacement.after.code) this.#editor.step(-1);
    this.#view.showNote(null);
  }

  #redo() {
    const replacement = this.#undone.pop();
    this.#done.push(replacement);
    this.#setLanguage(replacement.after.language);
    if (replacement.before.code !== replacement.after.code) this.#editor.step(1);
  }

  #onKey(event) {
    const [target] = event.composedPath();
    if (event.altKey || !(event.ctrlKey || event.metaKey) || (target !== this.#editor.textarea && isTypedInto(target))) return;
    const key = event.key.toLowerCase();
    const isRedo = key === "y" || (key === "z" && event.shiftKey);
    const [steps, side] = isRedo ? [this.#undone, "before"] : [this.#done, "after"];
    if ((!isRedo && key !== "z") || !steps.length || !isSame(this.#now(), steps.at(-1)[side])) return;
    event.preventDefault();
    event.stopPropagation();
    if (isRedo) this.#redo();
    else this.#undo();
  }
}

function isSame(one, other) {
  return one.code === other.code && one.language === other.language;
}
