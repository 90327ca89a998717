/** A frame that draws one control and what is within it, and what stands above and below it in the page. */
import { Area } from "./area.js";
import { Busy } from "./busy.js";

const MESSAGES_PER_S_MAX = 400;
const AREAS_MAX = 100;
const MODULES_MAX = 20;
const MADE_MS = 5000;
const MODULE = /^(?:@[a-z0-9][\w.-]*\/)?[a-z0-9][\w.-]*$/i;

/** Return the class of such frames, which are frames of the page's own class. */
export function frameOf(Frame) {
  return class ControlFrame extends Frame {
    #controls;
    #tools;
    #areas = new Map(); // view of an Output control → Area
    #isReady = false;
    #spoken = { count: 0, since: 0 };
    #made = performance.now();
    #modules = new Set(); // that it has asked for

    /** Draw the model `id`; `context`: see mime/index.js. */
    constructor(controls, id, context, tools) {
      super({ type: "application/vnd.jupyter.widget-view+json", data: { model: id } }, { context });
      this.#controls = controls;
      this.#tools = tools;
      this.model = id;
      this.above = tools.make("div", { class: "areas" });
      this.place = tools.make("div", { class: "controls", part: "controls" }, this.node, this.above);
      this.busy = new Busy(tools, this, (again) => controls.stop(again));
    }

    /** Whether it has been taken out of the page; one that has just been made is not in it yet. */
    get isLeft() {
      return !this.node.isConnected && (this.#isReady || performance.now() - this.#made > MADE_MS);
    }

    hear(untrusted_message) {
      const said = untrusted_message?.controls;
      if (said === undefined) return super.hear(untrusted_message);
      if (performance.now() - this.#spoken.since > 1000) this.#spoken = { count: 0, since: performance.now() };
      if ((this.#spoken.count += 1) > MESSAGES_PER_S_MAX) return this.halt();
      if (said?.ready) this.#begin();
      else if (said?.send) this.#controls.send(this, said.send);
      else if (Array.isArray(said?.places)) this.#lay(said.places);
      else if (said?.choices > 0) this.#tellCut(said);
      else if (typeof said?.module === "string") this.#supplyModule(said.module);
    }

    /** Tell the frame's document something; before it is there, it is given all at once. */
    post(controls) {
      if (this.#isReady) this.node.contentWindow?.postMessage({ controls }, "*");
    }

    #begin() {
      this.#isReady = true;
      this.#endAreas();
      const dir = getComputedStyle(this.node).direction;
      this.post({ open: this.#controls.models, show: this.model, title: this.node.title, dir });
    }

    /** Hand in the script of another package's controls, which our server has where that package is installed. */
    async #supplyModule(untrusted_name) {
      if (!MODULE.test(untrusted_name) || this.#modules.size >= MODULES_MAX) return;
      this.#modules.add(untrusted_name);
      const text = await this.#controls.module(untrusted_name).catch(() => null);
      if (text === null) this.tell(this.#tools.say("control_missing", { name: untrusted_name }));
      this.post({ module: { name: untrusted_name, text } });
    }

    #tellCut({ choices, shown }) {
      const [count, total] = [shown, choices].map((number) => Number(number).toLocaleString());
      this.tell(this.#tools.say("control_cut", { count, total }));
    }

    #endAreas() {
      for (const area of this.#areas.values()) area.end();
      this.#areas.clear();
    }

    /** Be no more: its document has said too much. */
    halt() {
      this.#controls.forget(this);
      this.above.remove();
      super.halt();
    }

    /** Put areas where the document has Output controls. */
    #lay(untrusted_places) {
      const named = new Set();
      for (const place of untrusted_places.slice(0, AREAS_MAX)) {
        const { view, model } = place ?? {};
        if (typeof view !== "string" || typeof model !== "string") continue;
        named.add(view);
        if (!this.#areas.has(view)) this.#show(view, model);
        this.#areas.get(view)?.place(place);
      }
      for (const [view, area] of this.#areas) {
        if (named.has(view)) continue;
        area.end();
        this.#areas.delete(view);
      }
    }

    #show(view, untrusted_model) {
      const caught = this.#controls.caught(untrusted_model);
      if (!caught) return;
      const context = { ...this.context, depth: (this.context.depth ?? 0) + 1 };
      const output = new this.#tools.Output(this.#tools.make("div"), context);
      output.controls = this.#controls;
      this.#areas.set(view, new Area(caught, output, (height) => this.post({ height: { view, height } })));
      this.above.append(output.node);
    }

    /** Show an output that no Output control has caught: in the cell that shows the control. */
    show(message) {
      this.context.output.show(message);
    }

    /** The session has ended: stay as it is, to be looked at; what could be operated says so, with a button that runs the cell again. */
    grey(couldBeOperated, again, reason) {
      this.busy.end();
      this.node.inert = true;
      if (!couldBeOperated) return;
      this.place.classList.add("gone");
      const { make, say } = this.#tools;
      const why = reason ? [reason, make("br")] : [];
      this.tell(...why, say("controls_gone"), " ", make("button", { type: "button", class: "again", onclick: again }, say("run_again")));
    }

    /** Say something below the control, in the place of what was said there. */
    tell(...content) {
      this.note ??= this.#tools.make("p", { class: "notice", role: "status" });
      this.note.replaceChildren(...content);
      this.place.append(this.note);
    }

    end() {
      this.#endAreas();
      this.busy.end();
    }
  };
}
