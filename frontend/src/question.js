/** input(): the question and a field for the answer, in the midst of the output. */
import { make } from "./dom.js";
import { say } from "./texts.js";

let number = 0;

export class Question {
  #field;
  #isPassword;
  #prompt;
  #answer = null;

  /** `send(value)` resolves when the server has taken the answer. */
  constructor(prompt, isPassword, send) {
    this.#prompt = prompt;
    this.#isPassword = isPassword;
    const id = `answer-${(number += 1)}`;
    const label = make("label", { for: id, class: prompt ? null : "unseen" }, prompt || say("answer"));
    this.#field = make("input", {
      id, class: "field", part: "input", type: isPassword ? "password" : "text", dir: "auto",
      autocomplete: "off", autocorrect: "off", autocapitalize: "off", spellcheck: "false", enterkeyhint: "send",
    });
    const button = make("button", { type: "submit" }, say("send"));
    this.node = make("form", { class: "question", onsubmit: (event) => this.#submit(event, send) }, label, this.#field, button);
  }

  focus() {
    this.#field.focus();
  }

  /** The question is no longer open: show what was asked and answered as plain text. */
  close() {
    const answer = this.#answer === null ? "" : this.#isPassword ? "••••••" : this.#answer;
    this.node.replaceWith(make("p", { class: "answered" }, this.#prompt + answer));
  }

  async #submit(event, send) {
    event.preventDefault();
    const value = this.#field.value;
    const controls = [...this.node.elements];
    for (const control of controls) control.disabled = true;
    this.#answer = value;
    try {
      await send(value);
    } catch {
      this.#answer = null;
      for (const control of controls) control.disabled = false;
      this.focus();
    }
  }
}
