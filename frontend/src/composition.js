/** Puts a cell together: the nodes of its shadow tree, the editor, the output, and what works on them. */
import { Refused, ServerAway, apiOf } from "./api.js";
import { keepAskingKeys } from "./asking_keys.js";
import { Attachments } from "./attachments.js";
import { make } from "./dom.js";
import { acceptDrops } from "./drops.js";
import { Editor, learn } from "./editor.js";
import { keepAboveKeyboard, offerCharacters } from "./keyboard.js";
import { highlightingOf, offerLanguages } from "./languages.js";
import { loadPart } from "./lazy.js";
import { readHosts } from "./mime/embedded_page.js";
import { guiltyLine } from "./mime/error.js";
import { textNode } from "./mime/text.js";
import { labelOf } from "./options.js";
import { Output } from "./output.js";
import { schemeOf } from "./scheme.js";
import { say } from "./texts.js";
import { View } from "./view.js";

/** The parts of one cell. */
export class Composition {
  #element;

  /** `on`: what the view and the editor ask for, and `session()`: the id of the kernel that runs now, or null. */
  constructor(element, { runLabel, folding, hide, languages, frameHosts, ...ofEditor }, outputHost, code, on) {
    this.#element = element;
    const label = labelOf(element);
    this.attachments = new Attachments(element.server, (files, problems) =>
      this.view.showUploads(files, problems, (file) => this.attachments.remove(file)));
    const attach = (files) => this.attachments.add(files);
    this.view = new View(element.attachShadow({ mode: "open" }), {
      label: say("cell", { language: label }), runLabel, folding, on: { ...on, attach },
    });
    if (outputHost) this.view.moveOutput(outputHost);
    acceptDrops(this.view.cell, this.view.attachButton, attach);
    const context = { server: element.server, scheme: () => schemeOf(element), size: () => this.#textSize(), frameHosts: readHosts(frameHosts), locations: element.getAttribute("locations") };
    this.output = new Output(this.view.output, context);
    this.editor = new Editor(this.view.editor, {
      ...ofEditor, code, language: "plain", label: say("code", { language: label }), hint: "hint", on,
    });
    this.#suggest((kind, text, position) => introspect(element, kind, on.session(), text, position));
    keepAboveKeyboard(this.editor.textarea, this.view.foot);
    offerCharacters(this.view.keys, this.editor);
    this.colour(element.language);
    this.view.hide(hide);
    if (languages.length) offerLanguages(this.view.languages, languages, element);
  }

  /** Suggest as soon as somebody goes into the editor; what is asked before what does so has come is asked when it has. */
  #suggest(ask) {
    const { editor, view: { cell } } = this;
    const wait = () => editor.textarea.addEventListener("focus", load, { once: true });
    const load = () => {
      const { code } = editor;
      const begin = ({ Suggestions }) => new Suggestions(cell, editor, ask, { make, say, textNode }, code);
      loadPart("suggestions").then(begin).catch(wait).then(keepAskingKeys(cell, editor));
    };
    wait();
  }

  /** Give the code the colours of a language. */
  async colour(language) {
    this.view.languages.value = language;
    const highlighting = await highlightingOf(language, this.#element.server);
    await learn(highlighting);
    if (language === this.#element.language) this.editor.language = highlighting;
  }

  #textSize() {
    return Math.round(Number.parseFloat(getComputedStyle(this.view.output).fontSize) * 107) / 100 || 15;
  }

  /** Mark the line of the code that an error points at, if the code has it. */
  markError({ traceback }) {
    const line = guiltyLine((traceback ?? []).map(String));
    if (line && this.editor.lineText(line.number).trim() === line.text) this.editor.mark("guilty-line", [Number(line.number)]);
  }

  /** Be light or dark. */
  paint(scheme) {
    this.view.paint(scheme);
    this.output.paint(scheme);
  }
}

/** Ask in the kernel that has the names; one that computes or has ended says nothing: then in a fresh one, else null. */
async function introspect(element, kind, session, text, position) {
  try {
    return await apiOf(element).introspect(kind, session, text, position, element.language);
  } catch (error) {
    if (error instanceof Refused && session) return introspect(element, kind, null, text, position);
    // Without an answer from the server there is nothing to suggest, and nothing to say about it.
    if (error instanceof Refused || error instanceof ServerAway) return null;
    throw error;
  }
}
