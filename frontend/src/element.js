/** Defines <single-cell>, a cell that any page can hold. Its attributes, methods and events are listed in docs/embedding.md. */
import { Refused, apiOf } from "./api.js";
import { readAuthor, seemsTakenApart } from "./author.js";
import { Composition } from "./composition.js";
import { icon, make } from "./dom.js";
import { loadExercise } from "./exercise_part.js";
import { isTypedInto } from "./keys.js";
import { extensionOf, languageLabel } from "./languages.js";
import { loadPart, openPart } from "./lazy.js";
import { Memory, choiceAmong, rememberChoice } from "./memory.js";
import { optionsOf } from "./options.js";
import { showPrefilled } from "./prefilled.js";
import { sentenceOf } from "./refusals.js";
import { Replacements } from "./replacements.js";
import { RunController } from "./run_controller.js";
import { schemeOf, watchScheme } from "./scheme.js";
import { ownServer } from "./script_location.js";
import { whenSeen } from "./seen.js";
import { isLinked, sessionOf } from "./session.js";
import { say, speak } from "./texts.js";

// What libraries make of text that looks like formulas or like prose, which is no new code.
const SET_BY_PAGE = "mjx-container, .MathJax, .katex, font";

// Code that may show controls: its session goes on, and is ended when it shows none.
const CONTROLS = /widget|interact|ipympl/i;

/** The element of a cell: between the page, the parts of the cell, its memory and its runs. */
export class SingleCell extends HTMLElement {
  static observedAttributes = ["language", "readonly", "theme", "hide"];

  #options;
  #author = { code: "", setup: "" };
  #parts = null; // a Composition, once the cell is in a page
  #controller = null; // of the run under way, or of the last one
  #hasRun = false;
  #building = null; // a promise, while the texts of the interface are being loaded
  #authorsLanguage = null;
  #replacements = null;
  #memory = null;
  #pendingCode = null;
  #outputHost = null;
  #exercise = null; // a promise of an Exercise or null, where the author has made the cell one
  #away = []; // what is to be undone when the cell leaves the page

  // --- what pages may use ---

  /** The code that is in the editor now. */
  get code() {
    return this.#parts?.editor.code ?? this.#pendingCode ?? readAuthor(this).code;
  }

  set code(value) {
    if (this.#parts) this.#parts.editor.code = String(value);
    else this.#pendingCode = String(value);
  }

  /** The Jupyter messages of the last run, in order. */
  get messages() {
    return [...(this.#controller?.messages ?? [])];
  }

  /** idle, queued, running, done, failed, cancelled or lost. */
  get state() {
    return this.getAttribute("state") ?? "idle";
  }

  /** Whether a run is under way. */
  get busy() {
    return this.#controller?.isUnderWay ?? false;
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
  run() {
    return this.#run(false);
  }

  /** Run the code and have the author's check judge it. Resolves with the verdict, or null when there is none. */
  async check() {
    await this.#building;
    return (await this.#exercise)?.check() ?? null;
  }

  async #run(keep) {
    if (this.#building) await this.#building;
    if (this.busy || !this.#parts) return this.state;
    if (this.#exercise && ((await this.#exercise)?.mayRun() === false || this.busy)) return this.state;
    if (!this.code.trim() && !this.#author.setup) {
      this.#parts.view.showIdle(say("no_code"));
      return this.state;
    }
    const session = sessionOf(this);
    const controller = this.#prepareRun();
    const { code, language } = this;
    const { setup } = this.#author;
    const expects = !keep && !session.kept && CONTROLS.test(setup + code);
    const submission = { code, language, stdin: this.#options.stdin, scheme: schemeOf(this), ...((keep || expects) && { keep: true }) };
    const state = await controller.run({ session, setup, submission, attachments: this.#parts.attachments });
    if (expects && !this.#parts.output.controls && !controller.wasLeft && controller.session) apiOf(this).endSession(controller.session).catch(() => {});
    return state;
  }

  /** Interrupt the code; a second call ends it at once. Resolves when the run is over. */
  async stop() {
    if (this.busy) await this.#controller.stop();
  }

  /** Put the author's code back and forget the output. The reader can have the own code back. */
  reset() {
    if (this.busy || !this.#parts) return;
    this.#memory.forget();
    this.#controller = null;
    this.#parts.output.clear();
    showPrefilled(this, this.#parts.output);
    this.setAttribute("state", "idle");
    this.#parts.view.showIdle();
    this.#replacements.put({ code: this.#author.code, language: this.#authorsLanguage }, say("was_reset"));
    this.#showReset();
    this.#exercise?.then((exercise) => exercise?.clear());
  }

  /** Show other code in the place of what is there. The reader can have the own code back. */
  show(code, language = this.language) {
    if (!this.#parts) Object.assign(this, { code, language });
    else this.#replacements.put({ code: String(code), language }, this.code === this.#author.code ? null : say("was_shown"));
  }

  /** Whether somebody types here: what pages ask before they take a key for a shortcut, in handlers older than our script. */
  get isContentEditable() {
    return isTypedInto(this.shadowRoot?.activeElement);
  }

  /** Go to the code. */
  focus(options) {
    this.#parts?.editor.textarea.focus(options);
  }

  /** Open the dialog with links to this code. */
  async share() {
    if (!this.#parts) return;
    const shared = { code: this.code, language: this.language, setup: this.#author.setup };
    const sentence = (error) => (error instanceof Refused ? sentenceOf(error) : say("away"));
    const tools = { icon, make, say, sentenceOf: sentence };
    await openPart("share", ({ openShare }) => openShare(this.shadowRoot, apiOf(this), shared, tools));
  }

  // --- life in the page ---

  connectedCallback() {
    if (this.#parts) this.#settle();
    // What the page's text holds may not have been read yet; a cell with an output elsewhere was made by a script.
    else if (document.readyState === "loading" && !this.#outputHost) document.addEventListener("DOMContentLoaded", () => this.#build(), { once: true });
    else this.#build();
  }

  disconnectedCallback() {
    for (const undo of this.#away.splice(0)) undo();
    // A cell that is only being moved comes back before this question is asked.
    queueMicrotask(() => this.isConnected || this.#controller?.leave());
  }

  attributeChangedCallback(name, _, value) {
    if (!this.#parts) return;
    if (name === "language") this.#parts.colour(this.language);
    else if (name === "readonly") this.#parts.editor.readonly = value !== null;
    else if (name === "theme") this.#parts.paint(schemeOf(this));
    else if (name === "hide") this.#parts.view.hide(optionsOf(this).hide);
  }

  #build() {
    if (this.#parts || !this.isConnected) return;
    const loading = speak(document.documentElement.lang || navigator.language);
    if (loading) {
      this.#building ??= loading.then(() => {
        this.#building = null;
        this.#build();
      });
      return;
    }
    this.#options = optionsOf(this);
    this.#author = readAuthor(this);
    this.#memory = new Memory(this, this.#author.code);
    const code = this.#pendingCode ?? this.#memory.code ?? this.#author.code;
    const { languages } = this.#options;
    const [first] = languages;
    if (first && first !== "all" && !this.hasAttribute("language")) this.language = first;
    this.#authorsLanguage = this.language;
    // What is there is in the language in which it was written; an empty cell is in the one that the reader chose last.
    const chosen = (code.trim() ? null : choiceAmong(languages)) ?? this.#memory.language;
    if (first && chosen) this.language = chosen;
    this.#parts = new Composition(this, this.#options, this.#outputHost, code, {
      run: () => this.run(),
      stop: () => this.stop(),
      reset: () => this.reset(),
      share: () => this.share(),
      menu: (button) => this.#openMenu(button),
      language: (language) => {
        rememberChoice(languages, language);
        this.#replacements.put({ code: this.code, language }, say("was_language", { language: languageLabel(language) }));
      },
      change: (code) => {
        if (!this.#parts) return; // the first text of the editor is no edit
        this.#memory.code = code;
        this.#replacements.changed();
        this.#showReset();
      },
      session: () => (this.busy ? this.#controller.session : isLinked(this) ? sessionOf(this).id : null),
    });
    this.#replacements = new Replacements(this.#parts.view, this.#parts.editor, {
      now: () => ({ code: this.code, language: this.language }),
      language: (name) => this.#speakLanguage(name),
    });
    this.setAttribute("state", "idle");
    if (!this.#outputHost) showPrefilled(this, this.#parts.output);
    this.#showReset();
    this.#exercise = loadExercise(this, this.#author.code, {
      ...this.#parts,
      api: apiOf(this),
      isLinked: isLinked(this),
      sentenceOf,
      run: () => this.#run(true),
      last: () => this.#controller,
    });
    this.#settle();
    if (this.#pendingCode === null) this.#warnAuthor();
    new MutationObserver(() => this.#readAgain()).observe(this, { childList: true, characterData: true, subtree: true });
  }

  /** Look for code that Markdown has taken apart; where it is lost, tell the author, who does not look for it here. */
  async #warnAuthor() {
    const { code, setup } = this.#author;
    if (this.#options.placeholder || setup || !seemsTakenApart(this, code)) return;
    const lost = await loadPart("markup").then(({ mend }) => mend(this), console.warn);
    if (lost && this.#author.code === code) this.#parts.output.notice(lost);
  }

  /** The page has put in its code after the element, or other code: it is shown, unless the student has begun to write. */
  #readAgain() {
    if (this.querySelector(SET_BY_PAGE)) return;
    const before = this.#author;
    this.#author = readAuthor(this);
    if (this.#author.code === before.code) return;
    this.#memory = new Memory(this, this.#author.code);
    if (this.code === before.code) this.#parts.editor.begin(this.#memory.code ?? this.#author.code);
    this.#showReset();
    if (!before.code && this.isConnected) this.#begin();
  }

  /** Be at home in the page, for the first time or after a while elsewhere. */
  #settle() {
    this.#parts.paint(schemeOf(this));
    this.#away.push(watchScheme(this, (scheme) => this.#parts.paint(scheme)));
    this.#begin();
  }

  /** Go on with the computation that the browser remembers, or run by itself what is there to be run. */
  #begin() {
    if (this.#hasRun && !this.#controller?.wasLeft) return;
    if (this.#memory.computation) this.#resume(this.#memory.computation);
    else if (this.#options.autorun !== null && (this.code || this.#author.setup)) this.#runByItself();
  }

  #runByItself() {
    // Linked cells may need what those before them define, so they run in the order of the page, seen or not.
    if (isLinked(this) || this.#options.autorun === "now") this.run();
    else this.#away.push(whenSeen(this.#outputHost ?? this, () => this.isConnected && this.run()));
  }

  #openMenu(button) {
    const { view, output } = this.#parts;
    const extension = () => extensionOf(this.language, this.server);
    const tools = { make, say, extension, output: output.node, announce: (sentence) => view.announce(sentence) };
    return openPart("menu", ({ toggleMenu }) => toggleMenu(button, this, tools));
  }

  /** Be in a language that the reader has chosen, and remember it. */
  #speakLanguage(name) {
    if (name === this.language) return;
    this.language = name;
    this.#memory.language = name === this.#authorsLanguage ? null : name;
  }

  #showReset() {
    const isAuthors = this.code === this.#author.code && this.language === this.#authorsLanguage;
    this.#parts.view.showReset(!isAuthors || !this.#parts.output.isEmpty);
  }

  async #resume(computation) {
    const session = sessionOf(this);
    const state = await this.#prepareRun().run({ session, computation });
    if (state === "forgotten") this.#memory.computation = null;
  }

  /** Return the controller of a new run, after the page has heard of it: a listener may still change the code. */
  #prepareRun() {
    const { view, output } = this.#parts;
    const tell = (type, detail) => {
      if (type === "error") this.#parts.markError(detail);
      this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true }));
    };
    this.#hasRun = true;
    this.#controller = new RunController(apiOf(this), view, output, {
      submitted: (id) => (this.#memory.computation = id),
      state: (state) => this.setAttribute("state", state),
      tell,
      away: () => this.#outputHost || showPrefilled(this, output, true),
      over: () => {
        if (output.isEmpty && !this.#controller.messages.length && !this.#outputHost) showPrefilled(this, output);
        this.#showReset();
      },
      write: (code) => (this.code = code),
      again: () => this.#run(true),
      isAtWork: () => this.shadowRoot.activeElement !== null,
    });
    this.#parts.editor.mark("guilty-line", []);
    output.expectNew(this.#options.keepOutput);
    this.#replacements.ran();
    tell("run", { code: this.code });
    return this.#controller;
  }
}
