/** A frame that draws one control and what is within it, and what stands above and below it in the page. */
import { Area } from "./area.js";

const MESSAGES_PER_S_MAX = 400;
const BUSY_SHOWN_S = 1;
const AREAS_MAX = 100;

/** Return the class of such frames, which are frames of the page's own class. */
export function frameOf(Frame) {
  return class ControlFrame extends Frame {
    #controls;
    #tools;
    #areas = new Map(); // view of an Output control → Area
    #isReady = false;
    #spoken = { count: 0, since: 0 };
    #busy = { timer: null, node: null, interrupt: null };

    /** Draw the model `id`; `context`: see mime/index.js. */
    constructor(controls, id, context, tools) {
      super({ type: "application/vnd.jupyter.widget-view+json", data: { model: id } }, { context });
      this.#controls = controls;
      this.#tools = tools;
      this.model = id;
      this.above = tools.make("div", { class: "areas" });
      this.place = tools.make("div", { class: "controls", part: "controls" }, this.node, this.above);
    }

    get wasShown() {
      return this.#isReady;
    }

    hear(untrusted_message) {
      const said = untrusted_message?.controls;
      if (said === undefined) return super.hear(untrusted_message);
      if (performance.now() - this.#spoken.since > 1000) this.#spoken = { count: 0, since: performance.now() };
      if ((this.#spoken.count += 1) > MESSAGES_PER_S_MAX) return super.hear({ failed: true });
      if (said?.ready) this.#begin();
      else if (said?.send) this.#controls.send(this, said.send);
      else if (Array.isArray(said?.places)) this.#lay(said.places);
    }

    /** Tell the frame's document something; before it is there, it is given all at once. */
    post(controls) {
      if (this.#isReady) this.node.contentWindow?.postMessage({ controls }, "*");
    }

    #begin() {
      this.#isReady = true;
      for (const area of this.#areas.values()) area.end();
      this.#areas.clear();
      this.post({ open: this.#controls.models, show: this.model, title: this.node.title });
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
      const output = new this.#tools.Output(this.#tools.make("div"), this.context);
      output.controls = this.#controls;
      this.#areas.set(view, new Area(caught, output, (height) => this.post({ height: { view, height } })));
      this.above.append(output.node);
    }

    /** Show an output that no Output control has caught: in the cell that shows the control. */
    show(message) {
      this.context.output.show(message);
    }

    /** Say something below the control. */
    tell(sentence) {
      this.#note(this.#tools.make("p", { class: "notice", role: "status" }, sentence));
    }

    /** Say that the kernel is at work for this control, when it takes long; `interrupt` ends that. */
    isBusy(is, interrupt = null) {
      const { make, say } = this.#tools;
      this.#busy.interrupt = interrupt;
      if (!is) {
        clearTimeout(this.#busy.timer);
        this.#busy.node?.remove();
        this.#busy = { timer: null, node: null, interrupt: null };
        return;
      }
      this.#busy.timer ??= setTimeout(() => {
        const stop = make("button", { type: "button", onclick: () => this.#busy.interrupt?.().catch(console.warn) }, say("stop"));
        this.#busy.node = make("p", { class: "notice", role: "status" }, say("running"), " ", stop);
        this.place.append(this.#busy.node);
      }, BUSY_SHOWN_S * 1000);
    }

    /** The session has ended: stay as it is, to be looked at; what could be operated says so, with a button that runs the cell again. */
    grey(couldBeOperated, again) {
      this.node.inert = true;
      if (!couldBeOperated) return;
      this.place.classList.add("gone");
      const { make, say } = this.#tools;
      this.#note(make("p", { class: "notice", role: "status" }, say("controls_gone"), " ",
        make("button", { type: "button", class: "again", onclick: again }, say("run_again"))));
    }

    #note(node) {
      this.note?.remove();
      this.note = node;
      this.place.append(node);
    }

    end() {
      for (const area of this.#areas.values()) area.end();
      this.isBusy(false);
    }
  };
}
