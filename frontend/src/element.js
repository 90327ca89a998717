/** <single-cell>: a cell that any page can hold. Its attributes, methods and events are listed in docs/embedding.md. */
import { Api, Refused } from "./api.js";
import { readAuthor } from "./author.js";
import { acceptDrops } from "./drops.js";
import { Editor } from "./editor.js";
import { closing } from "./endings.js";
import { keepAboveKeyboard } from "./keyboard.js";
import { highlightingOf, offerLanguages } from "./languages.js";
import { Memory } from "./memory.js";
import { labelOf, optionsOf } from "./options.js";
import { Output } from "./output.js";
import { ownServer } from "./place.js";
import { Question } from "./question.js";
import { Run } from "./run.js";
import { schemeOf, watchScheme } from "./scheme.js";
import { whenSeen } from "./seen.js";
import { isLinked, sessionOf } from "./session.js";
import { openShare } from "./share.js";
import { Suggestions } from "./suggestions.js";
import { say, speak } from "./texts.js";
import { View } from "./view.js";

const KILL_OFFERED_S = 2; // after Stop, when the code does not stop

/** Most cells leave the queue at once: what they would flash by with is not worth reading. */
function queueSentence(position) {
  if (!position) return say("sending");
  return position > 1 ? say("queue_place", { position }) : say("queued");
}

export class SingleCell extends HTMLElement {
  static observedAttributes = ["language", "readonly", "theme", "hide"];

  #options;
  #author = { code: "", setup: "" };
  #view = null;
  #editor = null;
  #output = null;
  #run = null;
  #question = null;
  #memory = null;
  #files = [];
  #messages = [];
  #pendingCode = null;
  #unwatch = null;
  #outputHost = null;

  // --- what pages may use ---

  /** The code that is in the editor now. */
  get code() {
    return this.#editor?.code ?? this.#pendingCode ?? readAuthor(this).code;
  }

  set code(value) {
    if (this.#editor) this.#editor.code = String(value);
    else this.#pendingCode = String(value);
  }

  /** The Jupyter messages of the last run, in order. */
  get messages() {
    return [...this.#messages];
  }

  /** idle, queued, running, done, failed, cancelled or lost. */
  get state() {
    return this.getAttribute("state") ?? "idle";
  }

  /** Whether a run is under way. */
  get busy() {
    return this.#run !== null;
  }

  get language() {
    return this.getAttribute("language") ?? "python";
  }

  set language(name) {
    this.setAttribute("language", name);
  }

  get server() {
    return new URL(this.getAttribute("server") || ownServer, document.baseURI).href.replace(/\/*$/, "/");
  }

  /** An element of the page that shows the output instead of the cell; set it before the cell is put into the page. */
  set outputElement(host) {
    this.#outputHost = host;
  }

  /** Run the code. Resolves with the state in which the run ended. */
  async run() {
    if (this.#run || !this.#view) return this.state;
    const session = sessionOf(this);
    return this.#follow(async (run) => {
      const code = this.code;
      const files = this.#files;
      this.#attach([]);
      return session.run(run, this.#author.setup, {
        code, files, language: this.language, stdin: this.#options.stdin,
      }, (sentence) => this.#output.notice(sentence));
    });
  }

  /** Interrupt the code; a second call ends it at once. Resolves when the run is over. */
  async stop() {
    const run = this.#run;
    if (!run) return;
    if (!run.id) {
      run.leave();
      return run.over;
    }
    const before = run.stopping;
    run.stopping = before ? "again" : "once";
    this.#showState(run);
    // A double click is no wish to end the program at once.
    setTimeout(() => this.#offerToKill(run), KILL_OFFERED_S * 1000);
    const api = new Api(this.server);
    try {
      if (before || run.state === "queued") await api.cancel(run.id);
      else await api.interrupt(run.id);
    } catch (error) {
      if (!(error instanceof Refused)) run.stopping = before;
    }
    return run.over;
  }

  /** Put the author's code back and forget the output. */
  reset() {
    if (this.#run) return;
    this.#memory.forget();
    this.#messages = [];
    this.#output.clear();
    this.code = this.#author.code;
    this.#enter("idle");
    this.#view.showIdle();
    this.#showReset();
  }

  /** Go to the code. */
  focus(options) {
    this.#editor?.textarea.focus(options);
  }

  /** Open the dialog with links to this code. */
  share() {
    if (this.#view) openShare(this.shadowRoot, new Api(this.server), this.code, this.language);
  }

  // --- life in the page ---

  connectedCallback() {
    if (this.#view) return this.#watch();
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => this.#begin(), { once: true });
    else this.#begin();
  }

  disconnectedCallback() {
    this.#unwatch?.();
    // A cell that is only being moved comes back before this question is asked.
    queueMicrotask(() => this.isConnected || this.#run?.leave());
  }

  attributeChangedCallback(name, _, value) {
    if (!this.#view) return;
    if (name === "language") this.#colour();
    else if (name === "readonly") this.#editor.readonly = value !== null;
    else if (name === "theme") this.#showScheme();
    else if (name === "hide") this.#view.hide(optionsOf(this).hide);
  }

  #begin() {
    if (this.#view || !this.isConnected) return;
    speak(document.documentElement.lang || navigator.language);
    this.#options = optionsOf(this);
    this.#author = readAuthor(this);
    this.#memory = new Memory(this, this.#author.code);
    this.#build();
    this.#watch();
    this.#enter("idle");
    this.#showReset();
    const remembered = this.#memory.computation;
    if (remembered) this.#resume(remembered);
    else if (this.#options.autorun !== null) this.#runByItself();
  }

  #runByItself() {
    // Linked cells may need what those before them define, so they run in the order of the page, seen or not.
    if (isLinked(this) || this.#options.autorun === "now") this.run();
    else whenSeen(this.#outputHost ?? this, () => this.isConnected && this.run());
  }

  #build() {
    const label = labelOf(this);
    const root = this.attachShadow({ mode: "open" });
    const on = {
      run: () => this.run(),
      stop: () => this.stop(),
      reset: () => this.reset(),
      share: () => this.share(),
      attach: (files) => this.#attach([...this.#files, ...files]),
      language: (name) => (this.language = name),
    };
    const { runLabel, folding } = this.#options;
    this.#view = new View(root, { label: say("cell", { language: label }), runLabel, folding, on });
    if (this.#outputHost) this.#view.moveOutput(this.#outputHost);
    this.#chooseLanguages();
    acceptDrops(this.#view.cell, this.#view.attachButton, on.attach);
    const context = { server: this.server, scheme: () => schemeOf(this) };
    this.#output = new Output(this.#view.output, context);
    this.#editor = new Editor(this.#view.editor, {
      code: this.#pendingCode ?? this.#memory.code ?? this.#author.code,
      language: "plain",
      readonly: this.#options.readonly,
      placeholder: this.#options.placeholder,
      label: say("code", { language: label }),
      hint: "hint",
      on: { run: on.run, change: (code) => this.#changed(code) },
    });
    const ask = (kind, code, position) => new Api(this.server)[kind](this.#run?.session, code, position, this.language);
    new Suggestions(this.#view.cell, this.#editor, ask);
    keepAboveKeyboard(this.#editor.textarea, this.#view.bar);
    this.#colour();
    this.#view.hide(this.#options.hide);
  }

  #chooseLanguages() {
    const { languages } = this.#options;
    if (!languages.length) return;
    if (languages[0] !== "all" && !this.hasAttribute("language")) this.language = languages[0];
    offerLanguages(this.#view.languages, languages, this.language, this.server);
  }

  async #colour() {
    const { language } = this;
    this.#view.languages.value = language;
    const highlighting = await highlightingOf(language, this.server);
    if (language === this.language) this.#editor.language = highlighting;
  }

  #watch() {
    this.#showScheme();
    this.#unwatch = watchScheme(() => this.#showScheme());
  }

  #showScheme() {
    this.#view.paint(schemeOf(this));
  }

  #changed(code) {
    if (!this.#editor) return; // the first text of the editor is no edit
    this.#memory.code = code;
    this.#showReset();
  }

  #showReset() {
    this.#view.resetButton.hidden = this.code === this.#author.code && this.#output.isEmpty;
  }

  #attach(files) {
    this.#files = files;
    this.#view.showUploads(files, (gone) => this.#attach(this.#files.filter((file) => file !== gone)));
  }

  // --- a run ---

  async #resume(id) {
    const state = await this.#follow((run) => run.resume(id));
    if (state === "forgotten") this.#memory.computation = null;
  }

  /** Lead one run from its beginning to its end; `begin(run)` resolves with its last state. */
  async #follow(begin) {
    const run = new Run(new Api(this.server), {
      submitted: (answer) => this.#submitted(run, answer),
      message: (message) => this.#take(message),
      state: (state) => this.#moved(run, state),
      queue: (position) => this.#showState(run, position),
      away: (refusal) => this.#view.showBusy(say(refusal ? "busy" : "away")),
      back: () => this.#showState(run),
    });
    run.over = new Promise((resolve) => this.addEventListener("done", resolve, { once: true }));
    this.#run = run;
    this.#messages = [];
    this.#output.expectNew(this.#options.keepOutput);
    this.#tell("run", { code: this.code });
    this.#view.showBusy(say("sending"));
    try {
      const state = await begin(run);
      this.#end(run, state ?? "idle");
      return state;
    } catch (error) {
      if (error instanceof Refused) {
        this.#refused(run, error);
        return error.status === 404 ? "forgotten" : "failed";
      }
      console.error(error);
      this.#end(run, "failed");
      return "failed";
    }
  }

  #submitted(run, { id, state, started }) {
    this.#memory.computation = id;
    // After a reload the clock goes on from where it was.
    if (state === "running" && started) run.since = performance.now() - Math.max(0, Date.now() - Date.parse(started));
  }

  #take(message) {
    this.#messages.push(message);
    const { msg_type } = message.header;
    if (msg_type === "input_request") this.#ask(message.content);
    else if (this.#question && msg_type !== "status") this.#answered();
    if (msg_type === "error") this.#run.hadError = message.content.ename;
    try {
      this.#output.take(message);
    } catch (error) {
      console.error(error); // a message that is no Jupyter message must not end the conversation
    }
    this.#tell("message", { message });
    if (msg_type === "error") this.#tell("error", { ...message.content });
  }

  #ask({ prompt, password }) {
    const run = this.#run;
    this.#question = new Question(String(prompt ?? ""), password === true, (value) => {
      return new Api(this.server).answer(run.id, value);
    });
    this.#output.add(this.#question.node);
    this.#view.showBusy(say("asking"));
    // Only a student who is at work here is taken to the question.
    if (this.shadowRoot.activeElement) this.#question.focus();
  }

  #answered() {
    this.#question.close();
    this.#question = null;
    this.#showState(this.#run);
  }

  #moved(run, state) {
    if (state === "running") run.since ??= performance.now();
    this.#enter(state);
    this.#showState(run);
  }

  #showState(run, position) {
    if (run.state === "queued") this.#view.showBusy(queueSentence(position));
    else if (run.stopping) this.#view.showBusy(say("stopping"), { since: run.since, stopping: run.stopping });
    else if (run.state === "running") this.#view.showBusy(say("running"), { since: run.since });
  }

  #offerToKill(run) {
    if (this.#run !== run || !run.stopping) return;
    run.stopping = "again";
    this.#showState(run);
  }

  #end(run, state) {
    this.#run = null;
    this.#question?.close();
    this.#question = null;
    this.#output.settle();
    this.#enter(state);
    const seconds = run.since && performance.now() - run.since > 50 ? (performance.now() - run.since) / 1000 : null;
    const { sentence, bad } = closing(state, run);
    this.#view.showIdle(sentence, { bad, seconds: state === "done" ? seconds : null });
    this.#showReset();
    this.#tell("done", { state, id: run.id });
  }

  #refused(run, refusal) {
    this.#run = null;
    const forgotten = refusal.status === 404 && run.id;
    this.#output.settle();
    this.#enter("idle");
    this.#view.showIdle(forgotten ? say("forgotten") : refusal.message, { bad: !forgotten });
    this.#tell("done", { state: "failed", id: run.id });
  }

  #enter(state) {
    this.setAttribute("state", state);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
