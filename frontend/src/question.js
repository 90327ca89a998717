/** input(): the question and a field for the answer, in the midst of the output. */
import { Refused, ServerAway } from "./api.js";
import { directed } from "./direction.js";
import { make } from "./dom.js";
import { sentenceOf } from "./refusals.js";
import { say } from "./texts.js";

const PROMPT_CHARS_SHOWN = 10_000; // the end of it is what is asked

let number = 0;

export class Question {
  #field;
  #button;
  #problem = make("p", { class: "notice", role: "alert" });
  #isPassword;
  #prompt;
  #answer = null;

  /** `send(value)` resolves when the server has taken the answer. */
  constructor(prompt, isPassword, send) {
    this.#prompt = prompt = prompt.slice(-PROMPT_CHARS_SHOWN);
    this.#isPassword = isPassword;
    const id = `answer-${(number += 1)}`;
    const label = directed(make("label", { for: id, class: prompt ? null : "unseen" }, prompt || say("answer")));
    this.#field = make("input", {
      id, class: "field", part: "input", type: isPassword ? "password" : "text", dir: "auto",
      autocomplete: "off", autocorrect: "off", autocapitalize: "off", spellcheck: "false", enterkeyhint: "send",
    });
    this.#button = make("button", { type: "submit" }, say("send"));
    const onsubmit = (event) => this.#submit(event, send);
    this.node = make("form", { class: "question", onsubmit }, label, this.#field, this.#button, this.#problem);
  }

  focus() {
    this.#field.focus();
  }

  /** The question is no longer open: show what was asked and answered as plain text. Return whether it had the focus. */
  close() {
    const hadFocus = this.node.contains(this.node.getRootNode().activeElement);
    const answer = this.#answer === null ? "" : this.#isPassword ? "••••••" : this.#answer;
    this.node.replaceWith(directed(make("p", { class: "answered" }, this.#prompt + answer)));
    return hadFocus;
  }

  async #submit(event, send) {
    event.preventDefault();
    if (this.#answer !== null) return;
    this.#take(this.#field.value);
    try {
      await send(this.#answer);
    } catch (error) {
      if (!(error instanceof Refused || error instanceof ServerAway)) throw error;
      this.#take(null);
      this.#problem.textContent = error instanceof Refused ? sentenceOf(error) : say(navigator.onLine ? "away" : "offline");
    }
  }

  /** While an answer is on its way it cannot be changed; disabled, the field would lose the focus. */
  #take(answer) {
    this.#answer = answer;
    this.#problem.textContent = "";
    this.#field.readOnly = answer !== null;
    this.#button.setAttribute("aria-disabled", answer !== null);
  }
}
