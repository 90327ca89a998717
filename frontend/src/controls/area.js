/**
 * What an Output control has caught, and the places that show it: each is an output area of the page above the frame in which
 * the control stands, so that all that a cell can show can stand there, and no script of a control can touch it.
 */
const LOG_MESSAGES_MAX = 2000;
const PLACE_PX_MAX = 4000;

/** The messages that one Output control shows. */
export class Caught {
  #log = [];
  #clearNext = false;
  #areas = new Set();

  take(message) {
    const { header, content } = message;
    if (header.msg_type === "clear_output" && content.wait) this.#clearNext = true;
    else if (header.msg_type === "clear_output" || this.#clearNext) this.#log = [];
    if (header.msg_type !== "clear_output" || !content.wait) this.#clearNext = false;
    if (header.msg_type !== "clear_output") {
      this.#log.push(message);
      if (this.#log.length > LOG_MESSAGES_MAX) this.#log.shift();
    }
    for (const area of this.#areas) area.show(message);
  }

  /** What is to be caught has come: where it was to take the place of what is there and nothing came, that goes away now. */
  settle() {
    if (this.#clearNext) this.take({ header: { msg_type: "clear_output" }, content: {} });
  }

  /** Show these outputs, in the notebook format, instead of what is there. */
  replace(outputs) {
    this.take({ header: { msg_type: "clear_output" }, content: {} });
    for (const { output_type, ...content } of Array.isArray(outputs) ? outputs : []) this.take({ header: { msg_type: String(output_type) }, content });
  }

  /** Show all of it in an area as well; returns what ends that. */
  showIn(area) {
    this.#areas.add(area);
    for (const message of this.#log) area.show(message);
    return () => this.#areas.delete(area);
  }
}

/** One place that shows it: where the frame says that the control is. */
export class Area {
  /** `grew(height_px)` is told how high what it shows is. */
  constructor(caught, output, grew) {
    this.node = output.node;
    this.node.classList.add("area");
    this.leave = caught.showIn(output);
    this.observer = new ResizeObserver(() => this.node.style.height || grew(this.#height()));
    this.observer.observe(this.node);
  }

  #height() {
    return Math.ceil(this.node.getBoundingClientRect().height);
  }

  /** Stand there: {x, y, width, height} in pixels of the frame; a `height` of 0 is as much as it needs. */
  place({ x, y, width, height, shown }) {
    const px = (value) => (Number.isFinite(value) ? `${Math.min(Math.max(value, 0), PLACE_PX_MAX)}px` : "0");
    Object.assign(this.node.style, { left: px(x), top: px(y), width: px(width), height: height ? px(height) : "" });
    this.node.hidden = !shown;
  }

  end() {
    this.leave();
    this.observer.disconnect();
    this.node.remove();
  }
}
