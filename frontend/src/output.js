/** The output area: turns Jupyter messages into nodes. Old output stays until something new comes. */
import { Refused, fetchFile } from "./api.js";
import { controlsOf, isOfControls } from "./controls_part.js";
import { make } from "./dom.js";
import { showEdges } from "./edges.js";
import { closing } from "./endings.js";
import { errorNode } from "./mime/error.js";
import { Frame, paintFrames } from "./mime/frame.js";
import { render } from "./mime/index.js";
import { busySentence, sentenceOf } from "./refusals.js";
import { Run } from "./run.js";
import { RunFiles } from "./run_files.js";
import { Stream } from "./stream.js";
import { summaryOf } from "./summary.js";
import { say } from "./texts.js";

const CROWD = 50; // outputs; frames beyond are loaded when a reader comes near them

export class Output {
  #shown = new Map(); // display_id → the places that show it
  #stream = null;
  #clearNext = false;
  #keepsHeight = false; // until the next frame
  #displays = 0; // since the output was empty
  #said = []; // what the run has shown: {stream}, {error}, or {place, plain}
  #late = null; // messages that wait for the part that knows controls
  #section; // where new output goes: the whole area, or with kept output a part of it

  /** `context`: what renderers need to know, see mime/index.js. */
  constructor(node, context) {
    this.node = node;
    this.#section = node;
    this.context = context;
    this.files = new RunFiles(); // of the run whose output this is
    this.kernel = null; // {api, session, again()} of it
    this.controls = null; // of its session, once there are any
    this.ready = null; // a promise, while that part is being loaded
  }

  /** A run begins that may show controls; those of the last one are left, unless cells share their session. */
  expectControls(kernel) {
    this.controls?.leave();
    this.kernel = kernel;
    this.controls = this.ready = this.#late = null;
  }

  /** A new run begins: what is there now goes away with the first new output. */
  expectNew(keepsOld = false) {
    this.#said = [];
    if (keepsOld) {
      this.#stream = null;
      this.#section = make("div", { class: "section" });
      this.node.prepend(this.#section);
      return;
    }
    this.#clearNext = true;
    this.node.classList.add("old");
  }

  /** The run is over: if nothing came, what was there before goes away now. */
  settle() {
    if (this.#clearNext) this.clear();
    this.files.end();
    this.node.style.minHeight = "";
  }

  clear() {
    this.#clearNext = false;
    this.#stream = null;
    this.#shown.clear();
    this.#displays = 0;
    this.#said = [];
    this.#keepHeight();
    this.#section.replaceChildren();
    this.node.classList.remove("old");
  }

  /** The page must not jump when the next output is as high as the last. To measure it more than once a frame takes long. */
  #keepHeight() {
    if (this.#keepsHeight) return;
    this.#keepsHeight = true;
    this.node.style.minHeight = `${this.node.offsetHeight}px`;
    requestAnimationFrame(() => (this.#keepsHeight = false));
  }

  /** Show what is drawn in frames in the colours that the page has now. */
  paint(scheme) {
    paintFrames(this.node, scheme);
  }

  /** Whether nothing is shown but what the author wrote. */
  get isEmpty() {
    return !this.node.querySelector(":scope > :not(slot)");
  }

  /** Show what the author wrote as output, at the end; what comes first takes its place. */
  prefill() {
    if (!this.node.querySelector(":scope > slot")) this.node.append(make("slot", { name: "output" }));
  }

  /** Show what a message brings, here or in the controls that catch it. */
  take(message) {
    if (this.#late) this.#late.push(message);
    else if (!this.controls && this.kernel && isOfControls(message)) this.#loadControls(message);
    else if (!this.controls?.take(message)) this.show(message);
  }

  #loadControls(message) {
    const late = (this.#late = [message]);
    this.ready = controlsOf(this.kernel(), { Frame, Output, Refused, Run, busySentence, closing, fetchFile, make, say, sentenceOf })
      .catch(() => (this.kernel = null)) // the texts of controls stand for them
      .then((controls) => {
        if (late !== this.#late) return; // another run is shown now
        this.controls = controls;
        this.#late = null;
        for (const each of late) this.take(each);
      });
  }

  /** Show what a message brings here; messages that show nothing are left alone. */
  show({ header, content }) {
    switch (header.msg_type) {
      case "stream":
        return this.#write(content.name === "stderr" ? "stderr" : "stdout", String(content.text ?? ""));
      case "display_data":
      case "execute_result":
        return this.#display(content, header.msg_type === "execute_result");
      case "update_display_data":
        return this.#update(content);
      case "error":
        return this.#showError(content);
      case "execute_reply":
        // What a pager would show: `print?`.
        for (const { source, data } of content.payload ?? []) if (source === "page") this.#display({ data }, false);
        return;
      case "clear_output":
        if (content.wait) this.#clearNext = true;
        else this.clear();
    }
  }

  /** Have it said what the run has shown, when the parts that draw it have come, if it is still there. */
  async announce(view) {
    const said = this.#said;
    // This list grows while they are drawn: Markdown may bring formulas.
    for (const node of this.#section.getElementsByTagName("div")) await node.drawn;
    if (said === this.#said) view.announceResult(summaryOf(said));
  }

  /** Put a node at the end. */
  add(node) {
    if (this.#clearNext) this.clear();
    this.#stream = null;
    this.#section.append(node);
  }

  /** Say something calm that is not from the program. */
  notice(sentence) {
    this.add(make("p", { class: "notice" }, sentence));
  }

  #showError(content) {
    const error = errorNode(content);
    this.add(error);
    this.#said.push({ error });
  }

  #write(name, text) {
    if (!text) return;
    if (this.#clearNext) this.clear();
    if (this.#stream?.name !== name) {
      const stream = new Stream(name);
      this.add(stream.node);
      this.#stream = stream;
      this.#said.push({ stream });
    }
    this.#stream.write(text);
  }

  #display({ data, metadata, transient }, isResult) {
    const place = make("div", { class: isResult ? "display result" : "display", part: "display" });
    this.add(place);
    this.#displays += 1;
    this.#fill(place, data, metadata);
    this.#said.push({ place, plain: data?.["text/plain"] });
    const id = transient?.display_id;
    if (typeof id !== "string") return;
    if (!this.#shown.has(id)) this.#shown.set(id, []);
    this.#shown.get(id).push(place);
  }

  #update({ data, metadata, transient }) {
    for (const place of this.#shown.get(transient?.display_id) ?? []) this.#fill(place, data, metadata);
  }

  #fill(place, data, metadata) {
    const node = render(data ?? {}, metadata ?? {}, { ...this.context, output: this, files: this.files, isCrowded: this.#displays > CROWD });
    if (!node) return place.remove();
    place.replaceChildren(node);
    if (this.#displays <= CROWD) showEdges(place);
  }
}
