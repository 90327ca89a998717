/** <single-cell>: a cell that any page can hold. Its attributes, methods and events are listed in docs/embedding.md. */
import { Api } from "./api.js";
import { readAuthor } from "./author.js";
import { Body } from "./body.js";
import { offerLanguages } from "./languages.js";
import { Memory } from "./memory.js";
import { optionsOf } from "./options.js";
import { ownServer } from "./place.js";
import { schemeOf, watchScheme } from "./scheme.js";
import { whenSeen } from "./seen.js";
import { isLinked, sessionOf } from "./session.js";
import { openShare } from "./share.js";
import { speak } from "./texts.js";
import { Turn } from "./turn.js";

export class SingleCell extends HTMLElement {
  static observedAttributes = ["language", "readonly", "theme", "hide"];

  #options;
  #author = { code: "", setup: "" };
  #body = null;
  #turn = null; // the run under way, or the last one
  #hasRun = false;
  #memory = null;
  #files = [];
  #pendingCode = null;
  #outputHost = null;
  #away = []; // what is to be undone when the cell leaves the page

  // --- what pages may use ---

  /** The code that is in the editor now. */
  get code() {
    return this.#body?.editor.code ?? this.#pendingCode ?? readAuthor(this).code;
  }

  set code(value) {
    if (this.#body) this.#body.editor.code = String(value);
    else this.#pendingCode = String(value);
  }

  /** The Jupyter messages of the last run, in order. */
  get messages() {
    return [...(this.#turn?.messages ?? [])];
  }

  /** idle, queued, running, done, failed, cancelled or lost. */
  get state() {
    return this.getAttribute("state") ?? "idle";
  }

  /** Whether a run is under way. */
  get busy() {
    return this.#turn?.isUnderWay ?? false;
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
    if (this.busy || !this.#body) return this.state;
    const session = sessionOf(this);
    return this.#begin((run) => {
      const code = this.code;
      const files = this.#files;
      this.#attach([]);
      return session.run(run, this.#author.setup, {
        code, files, language: this.language, stdin: this.#options.stdin,
      }, (sentence) => this.#body.output.notice(sentence));
    });
  }

  /** Interrupt the code; a second call ends it at once. Resolves when the run is over. */
  async stop() {
    if (this.busy) await this.#turn.stop();
  }

  /** Put the author's code back and forget the output. */
  reset() {
    if (this.busy || !this.#body) return;
    this.#memory.forget();
    this.#turn = null;
    this.#body.output.clear();
    this.code = this.#author.code;
    this.#enter("idle");
    this.#body.view.showIdle();
    this.#showReset();
  }

  /** Go to the code. */
  focus(options) {
    this.#body?.editor.textarea.focus(options);
  }

  /** Open the dialog with links to this code. */
  share() {
    if (this.#body) openShare(this.shadowRoot, new Api(this.server), this.code, this.language);
  }

  // --- life in the page ---

  connectedCallback() {
    if (this.#body) this.#settle();
    else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => this.#build(), { once: true });
    else this.#build();
  }

  disconnectedCallback() {
    for (const undo of this.#away.splice(0)) undo();
    // A cell that is only being moved comes back before this question is asked.
    queueMicrotask(() => this.isConnected || this.#turn?.leave());
  }

  attributeChangedCallback(name, _, value) {
    if (!this.#body) return;
    if (name === "language") this.#body.colour(this.language);
    else if (name === "readonly") this.#body.editor.readonly = value !== null;
    else if (name === "theme") this.#body.paint(schemeOf(this));
    else if (name === "hide") this.#body.view.hide(optionsOf(this).hide);
  }

  #build() {
    if (this.#body || !this.isConnected) return;
    speak(document.documentElement.lang || navigator.language);
    this.#options = optionsOf(this);
    this.#author = readAuthor(this);
    this.#memory = new Memory(this, this.#author.code);
    const code = this.#pendingCode ?? this.#memory.code ?? this.#author.code;
    this.#body = new Body(this, this.#options, this.#outputHost, code, {
      run: () => this.run(),
      stop: () => this.stop(),
      reset: () => this.reset(),
      share: () => this.share(),
      attach: (files) => this.#attach([...this.#files, ...files]),
      language: (name) => (this.language = name),
      change: (code) => this.#changed(code),
      session: () => (this.busy ? this.#turn.session : null),
    });
    this.#chooseLanguages();
    this.#enter("idle");
    this.#showReset();
    this.#settle();
  }

  /** Be at home in the page, for the first time or after a while elsewhere. */
  #settle() {
    this.#body.paint(schemeOf(this));
    this.#away.push(watchScheme(this, (scheme) => this.#body.paint(scheme)));
    if (this.#hasRun && !this.#turn?.wasLeft) return;
    if (this.#memory.computation) this.#resume(this.#memory.computation);
    else if (this.#options.autorun !== null) this.#runByItself();
  }

  #runByItself() {
    // Linked cells may need what those before them define, so they run in the order of the page, seen or not.
    if (isLinked(this) || this.#options.autorun === "now") this.run();
    else this.#away.push(whenSeen(this.#outputHost ?? this, () => this.isConnected && this.run()));
  }

  #chooseLanguages() {
    const { languages } = this.#options;
    if (!languages.length) return;
    if (languages[0] !== "all" && !this.hasAttribute("language")) this.language = languages[0];
    offerLanguages(this.#body.view.languages, languages, this.language, this.server);
  }

  #changed(code) {
    if (!this.#body) return; // the first text of the editor is no edit
    this.#memory.code = code;
    this.#showReset();
  }

  #showReset() {
    this.#body.view.resetButton.hidden = this.code === this.#author.code && this.#body.output.isEmpty;
  }

  #attach(files) {
    this.#files = files;
    this.#body.view.showUploads(files, (gone) => this.#attach(this.#files.filter((file) => file !== gone)));
  }

  // --- a run ---

  async #resume(id) {
    const state = await this.#begin((run) => run.resume(id));
    if (state === "forgotten") this.#memory.computation = null;
  }

  /** Lead one run to its end; `begin(run)` resolves with its last state. */
  #begin(begin) {
    const { view, output } = this.#body;
    this.#hasRun = true;
    this.#turn = new Turn(new Api(this.server), view, output, {
      submitted: (id) => (this.#memory.computation = id),
      state: (state) => this.#enter(state),
      tell: (type, detail) => this.dispatchEvent(new CustomEvent(type, { detail })),
      over: () => this.#showReset(),
      isAtWork: () => this.shadowRoot.activeElement !== null,
    });
    output.expectNew(this.#options.keepOutput);
    return this.#turn.lead(begin, this.code);
  }

  #enter(state) {
    this.setAttribute("state", state);
  }
}
