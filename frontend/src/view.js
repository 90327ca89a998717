/** The shadow tree of a cell: which nodes there are, and how they look in each state. */
import layout from "prism-code-editor/layout.css";
import { icon, make, sheet } from "./dom.js";
import { keepKeys } from "./keys.js";
import cellCss from "./style/cell.css";
import codeCss from "./style/code.css";
import contentCss from "./style/content.css";
import { duration, say } from "./texts.js";

const sheets = [sheet(layout), sheet(contentCss), sheet(cellCss), sheet(codeCss)]; // the rules for paper come after the rest

export const STOP_AFTER_MS = 1000;

export class View {
  #clock = null;
  #pressed = -Infinity; // performance.now() when Run was pressed
  #isStopping = false;
  #allowing = null;

  /** `on`: run(), stop(), reset(), share(), attach(files), language(name). */
  constructor(root, { label, runLabel, folding, on }) {
    root.adoptedStyleSheets = sheets;
    keepKeys(root);
    this.runLabel = runLabel;
    this.editor = make("div", { class: "editor", part: "editor" });
    this.hint = make("span", { id: "hint", class: "unseen" }, say("editor_hint"));
    this.runButton = make("button", { type: "button", class: "run", part: "run-button", onclick: (event) => this.#press(on, event) });
    this.languages = make("select", {
      part: "language", "aria-label": say("language"), hidden: true, onchange: (event) => on.language(event.target.value),
    });
    this.statusText = make("span");
    this.statusTime = make("span", { class: "time" });
    this.status = make("div", { class: "status", part: "status" }, this.statusText, this.statusTime);
    this.spoken = make("div", { class: "unseen", role: "status" });
    this.spokenResult = make("div", { class: "unseen", "aria-live": "polite" });
    this.picker = make("input", { type: "file", multiple: true, hidden: true, onchange: () => this.#picked(on) });
    this.attachButton = this.#tool("attach", () => this.picker.click());
    this.resetButton = this.#tool("reset", on.reset);
    this.shareButton = this.#tool("share", on.share);
    this.menuButton = this.#tool("menu", () => on.menu(this.menuButton));
    for (const [name, value] of [["aria-haspopup", "menu"], ["aria-expanded", "false"]]) this.menuButton.setAttribute(name, value);
    const tools = [this.languages, this.resetButton, this.attachButton, this.shareButton, this.menuButton];
    this.tools = make("div", { class: "tools" }, ...tools);
    // A page may bring a button of its own (slot="run"), and tools.
    const slot = make("slot", { name: "run" });
    const ownTools = make("slot", { name: "tools" });
    this.bar = make("div", { class: "bar", part: "bar" }, this.runButton, slot, this.status, ownTools, this.tools, this.picker);
    this.keys = make("div", { class: "keys", part: "keys", role: "toolbar", "aria-label": say("characters") });
    this.foot = make("div", { class: "foot" }, this.bar, this.keys);
    this.note = make("div", { class: "note notice", part: "note", hidden: true });
    this.uploads = make("ul", { class: "uploads", hidden: true, "aria-label": say("attached") });
    this.uploadProblems = make("div", { class: "upload-problems", role: "alert" });
    this.output = make("div", { class: "output", part: "output", role: "group", "aria-label": say("output") });
    this.code = folding ? this.#folded(folding === "closed") : this.editor;
    this.cell = make(
      "div",
      { class: "cell", part: "cell", role: "group", "aria-label": label, "data-drop": say("drop") },
      this.hint, this.code, this.foot, this.note, this.uploads, this.uploadProblems, this.output, this.spoken, this.spokenResult,
    );
    root.append(this.cell);
    this.showIdle();
  }

  /** Show the Run button and what became of the last run. */
  showIdle(sentence = "", { bad = false, seconds = null } = {}) {
    this.#stopClock();
    this.#button("run", this.runLabel || say("run"));
    this.#say(sentence, bad);
    this.statusTime.textContent = seconds === null ? "" : duration(seconds);
  }

  /** Show the Stop button; `since` (performance.now()) starts the clock. */
  showBusy(sentence, { since = null, stopping = null } = {}) {
    this.#stopClock();
    this.announceResult("");
    this.#button("stop", stopping === "again" ? say("kill") : say("stop"));
    this.#isStopping = stopping === "once";
    this.#allowStop();
    this.#say(sentence, false);
    if (since === null) return;
    const tick = () => (this.statusTime.textContent = duration((performance.now() - since) / 1000));
    tick();
    this.#clock = setInterval(tick, 100);
  }

  /** Show the output in another place of the page; the cell's style comes along. */
  moveOutput(host) {
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = sheets;
    keepKeys(root);
    this.outside = make("div", { class: "cell outside", part: "cell" }, this.output);
    root.replaceChildren(this.outside);
  }

  /** Be light or dark. */
  paint(scheme) {
    for (const node of [this.cell, this.outside]) node?.classList.toggle("dark", scheme === "dark");
  }

  /** Say something to screen readers only. */
  announce(sentence) {
    this.spoken.textContent = sentence;
  }

  announceResult(sentence) {
    this.spokenResult.textContent = sentence;
  }

  hide(parts) {
    const nodes = {
      editor: this.code, output: this.output, run: this.runButton, language: this.languages, status: this.status,
      files: this.attachButton, menu: this.menuButton, share: this.shareButton, reset: this.resetButton, bar: this.bar,
    };
    for (const part of parts) nodes[part]?.setAttribute("data-hidden", "");
    for (const node of Object.values(nodes)) node.classList.toggle("hidden", node.hasAttribute("data-hidden"));
    if (parts.includes("downloads")) this.output.classList.add("no-downloads");
  }

  /** Say what took the place of the reader's code, with a button that brings it back; `null` takes the note away. */
  showNote(sentence, onUndo) {
    if (this.note.contains(this.note.getRootNode().activeElement)) this.runButton.focus();
    this.note.hidden = !sentence;
    this.note.replaceChildren();
    if (!sentence) return;
    this.note.append(make("span", {}, sentence), " ", make("button", { type: "button", onclick: onUndo }, say("undo")));
    this.announce(sentence);
  }

  showReset(is) {
    const hadFocus = this.resetButton.getRootNode().activeElement === this.resetButton;
    this.resetButton.hidden = !is;
    if (hadFocus && !is) (this.note.querySelector("button") ?? this.runButton).focus();
  }

  /** Show what is attached, and a sentence for each file that could not be. */
  showUploads(files, problems, onRemove) {
    this.uploadProblems.replaceChildren(...problems.map((sentence) => make("p", { class: "notice bad" }, sentence)));
    this.uploads.hidden = !files.length;
    this.uploads.replaceChildren(
      ...files.map((file) =>
        make("li", {}, make("bdi", {}, file.name), make("button", {
          type: "button", "aria-label": say("remove", { name: file.name }), onclick: () => onRemove(file),
        }, icon("close"))),
      ),
    );
  }

  #folded(closed) {
    return make("details", { class: "fold", open: !closed }, make("summary", {}, say("show_code")), this.editor);
  }

  #press(on, event) {
    if (this.runButton.getAttribute("aria-disabled") === "true" || event.detail > 1) return; // once is enough
    if (this.runButton.classList.contains("stop")) return on.stop();
    this.#pressed = performance.now();
    on.run();
  }

  /** What is clicked in the first second after Run was meant for Run. Disabled, the button would lose the focus. */
  #allowStop() {
    const wait_ms = this.#pressed + STOP_AFTER_MS - performance.now();
    const isBusy = this.runButton.classList.contains("stop");
    if (isBusy) this.runButton.setAttribute("aria-disabled", this.#isStopping || wait_ms > 0);
    clearTimeout(this.#allowing);
    if (wait_ms > 0) this.#allowing = setTimeout(() => this.#allowStop(), wait_ms);
  }

  #picked(on) {
    on.attach([...this.picker.files]);
    this.picker.value = "";
  }

  #tool(name, onclick) {
    const label = say(name);
    return make("button", { type: "button", class: "tool", part: `${name}-button`, title: label, "aria-label": label, onclick }, icon(name));
  }

  #button(kind, label) {
    this.runButton.classList.toggle("stop", kind === "stop");
    this.runButton.removeAttribute("aria-disabled");
    this.runButton.replaceChildren(icon(kind), label);
  }

  #say(sentence, bad) {
    this.status.classList.toggle("bad", bad);
    if (this.statusText.textContent === sentence) return;
    this.statusText.textContent = sentence;
    this.statusTime.textContent = "";
    this.announce(sentence);
  }

  #stopClock() {
    clearInterval(this.#clock);
    this.#clock = null;
  }
}
