/**
 * The text of an output in the page's own tree, under SageMathCell's class names, for scripts that read it there.
 *
 * Browsers do not show it: the element that holds it has a shadow tree. It is text alone, never markup of the kernel's.
 */
import { make } from "../dom.js";
import { hiddenInputs } from "./hidden_inputs.js";

const ESCAPES = /\x1b\[[0-9;]*m/g;

export class OutputText {
  #shown = new Map(); // display_id → its elements
  #older = null; // the first node of the runs before, where these are kept
  #clearNext = false;

  /** `host`: the element that shows the output; `inputs`: the names of hidden inputs to copy, true for all, or nothing. */
  constructor(host, inputs) {
    this.host = host;
    this.inputs = inputs;
    // What is not shown has no text of its own for browsers; pages ask for this one.
    Object.defineProperty(host, "innerText", { configurable: true, get: () => this.text });
  }

  get text() {
    return [...this.host.children].map((node) => node.textContent.replace(/\n$/, "")).join("\n");
  }

  /** A run begins: what the run before it left goes, unless it is kept. */
  begin(keepsOld) {
    this.#clearNext = false;
    this.#shown.clear();
    this.#older = keepsOld ? this.host.firstChild : null;
    if (!keepsOld) this.host.replaceChildren();
    this.host.classList.add("sagecell_active");
  }

  end() {
    this.host.classList.remove("sagecell_active");
  }

  take({ header, content }) {
    switch (header.msg_type) {
      case "stream":
        return this.#write(`sagecell_${content.name === "stderr" ? "stderr" : "stdout"}`, content.text);
      case "error":
        return this.#add("sagecell_pyerr", (content.traceback ?? []).join("\n").replace(ESCAPES, ""));
      case "execute_result":
      case "display_data":
        return this.#display(content);
      case "update_display_data":
        for (const node of this.#shown.get(content.transient?.display_id) ?? []) node.textContent = plain(content);
        return;
      case "clear_output":
        if (content.wait) this.#clearNext = true;
        else this.#clear();
    }
  }

  #display(content) {
    const id = content.transient?.display_id;
    const text = plain(content);
    const node = text || id ? this.#add(null, text) : null;
    if (id) this.#shown.set(id, [...(this.#shown.get(id) ?? []), node]);
    if (this.inputs) this.#insert(...hiddenInputs(content.data?.["text/html"], this.inputs, this.host.closest("form")));
  }

  #write(className, text) {
    if (this.#clearNext) this.#clear();
    const last = this.#older ? this.#older.previousSibling : this.host.lastChild;
    if (last?.className === className) last.append(text);
    else this.#add(className, text);
  }

  #add(className, text) {
    if (this.#clearNext) this.#clear();
    const node = make("pre", { class: className }, text);
    this.#insert(node);
    return node;
  }

  #insert(...nodes) {
    for (const node of nodes) this.host.insertBefore(node, this.#older);
  }

  #clear() {
    this.#clearNext = false;
    while (this.host.firstChild !== this.#older) this.host.firstChild.remove();
  }
}

function plain({ data }) {
  const text = data?.["text/plain"] ?? "";
  return Array.isArray(text) ? text.join("") : String(text);
}
