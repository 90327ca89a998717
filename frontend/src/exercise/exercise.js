/** An exercise: a cell with a check, hints, a solution, or blanks to be filled. Loaded by pages that hold one. */
import { make, sheet } from "../dom.js";
import css from "./exercise.css";
import { readHelp } from "./help.js";
import { defineProgress, Progress } from "./progress.js";
import { say, speak } from "./texts.js";
import { verdictNodes } from "./verdict.js";

const BLANKS = /_{6,}/g;
const TRIES = 4; // of a verdict, while the server is busy
const PAUSE_S = 2;
const RUNS = 4; // of an answer whose session had to make room before it was judged
const AGAIN = Symbol("again");
const styles = sheet(css);

export class Exercise {
  #element;
  #door;
  #check;
  #help;
  #progress;
  #most; // attempts, Infinity without a limit
  #button = null;
  #isChecking = false;

  /** `door`: view, editor, api, isLinked, language, sentenceOf(refused), codeIn(node), run() → state, last() → the controller of the last run. */
  constructor(element, door) {
    this.#element = element;
    this.#door = door;
    speak(door.language);
    defineProgress();
    const node = element.querySelector("[data-check]");
    this.#check = element.dataset.check || node?.dataset.check || "";
    this.#most = Number.parseInt(element.getAttribute("attempts"), 10) || Infinity;
    this.#progress = new Progress(element, this.#check);
    // How far the reader has come, for the page: docs/exercises.md has the fields.
    Object.defineProperty(element, "progress", { configurable: true, get: () => this.#progress.record });
    const { view } = door;
    const root = view.cell.getRootNode();
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, styles];
    // It is there, empty, before it is filled: only so a screen reader tells what it is filled with.
    this.verdict = make("div", { class: "verdict", part: "verdict", role: "status" });
    this.#help = readHelp(element, door.codeIn, {
      opened: (change) => {
        this.#progress.note(change);
        this.#offer();
      },
      use: (code) => (element.code = code),
    });
    view.spoken.before(make("div", { class: "exercise", part: "exercise" }, this.verdict, ...this.#help.nodes));
    if (this.#check) this.#addButton();
    else if (node?.textContent.trim()) this.#say(say("unpublished"), "bad");
    if (this.#progress.verdict) this.#show(this.#progress.verdict);
    new MutationObserver(() => this.#offer()).observe(element, { attributeFilter: ["state"] });
    this.#offer();
  }

  /** Whether the code has no blanks left; who wants to run it all the same is led to the first. */
  mayRun() {
    const { editor } = this.#door;
    const blanks = [...editor.code.matchAll(BLANKS)];
    if (!blanks.length) return true;
    this.#say(say("blanks", { count: blanks.length }), "bad");
    if (this.#element.shadowRoot.activeElement) {
      const [first] = blanks;
      editor.textarea.focus();
      editor.textarea.setSelectionRange(first.index, first.index + first[0].length);
    }
    return false;
  }

  /** Run the code and ask for the verdict. Resolves with it, or with null when there is none. */
  async check() {
    if (this.#isChecking || !this.#check || !this.#left || this.#element.busy) return null;
    this.#isChecking = true;
    this.#offer();
    this.#say("", "");
    try {
      return await this.#judge();
    } finally {
      this.#isChecking = false;
      this.#offer();
    }
  }

  async #judge() {
    for (let runs = 1; ; runs += 1) {
      const verdict = await this.#judgeOnce(runs < RUNS);
      if (verdict !== AGAIN) return verdict;
      await pause(PAUSE_S * (0.5 + Math.random())); // others of the crowd come at another time
    }
  }

  async #judgeOnce(mayRunAgain) {
    const { api, isLinked } = this.#door;
    const state = await this.#door.run();
    const { id, session } = this.#door.last() ?? {};
    // The cell itself says why it came to no end of its own.
    if (state !== "done" || !id || wasStopped(this.#element)) return null;
    this.#say(say("checking"), "");
    try {
      const verdict = await this.#ask(id);
      this.#progress.add(verdict);
      this.#show(verdict);
      this.#element.dispatchEvent(new CustomEvent("verdict", { detail: { ...verdict, id, attempt: this.#progress.attempts }, bubbles: true }));
      return verdict;
    } catch (error) {
      if (error.status === 410 && mayRunAgain && !isLinked) return AGAIN;
      this.#say(error.status ? this.#door.sentenceOf(error) : say("away"), "bad");
      return null;
    } finally {
      if (!isLinked) api.endSession(session).catch(() => {}); // it ends by itself, too
    }
  }

  async #ask(id) {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#door.api.verdict(id, this.#check);
      } catch (error) {
        if (tries === TRIES || ![429, 503].includes(error.status)) throw error;
        await pause(error.retryAfter_s ?? PAUSE_S);
      }
    }
  }

  /** Forget what is shown; what was achieved stays. */
  clear() {
    this.#say("", "");
  }

  get #left() {
    return Math.max(0, this.#most - this.#progress.attempts);
  }

  #addButton() {
    const { view } = this.#door;
    this.#button = make("button", { type: "button", class: "check", part: "check-button", onclick: () => this.#press() }, say("check"));
    view.runButton.after(this.#button);
  }

  #press() {
    // Disabled, the button would lose the focus.
    if (this.#button.getAttribute("aria-disabled") !== "true") this.check();
  }

  #offer() {
    const solved = this.#progress.isSolved;
    this.#button?.setAttribute("aria-disabled", this.#isChecking || !this.#left || this.#element.busy);
    const tried = this.#most === Infinity ? this.#progress.attempts > 0 : !this.#left;
    this.#help.offer({ solution: solved || tried || !this.#check });
  }

  #show(verdict) {
    this.verdict.className = `verdict ${verdict.correct ? "good" : "bad"}`;
    const left = this.#most === Infinity || verdict.correct ? [] : [make("p", { class: "quiet" }, say(this.#left ? "attempts_left" : "attempts_none", { count: this.#left }))];
    this.verdict.replaceChildren(...verdictNodes(verdict), ...left);
  }

  #say(sentence, kind) {
    this.verdict.className = `verdict ${kind}`;
    this.verdict.replaceChildren(...(sentence ? [make("p", {}, sentence)] : []));
  }
}

function pause(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000));
}

function wasStopped(element) {
  return element.messages.some(({ header, content }) => header.msg_type === "error" && content.ename === "KeyboardInterrupt");
}
