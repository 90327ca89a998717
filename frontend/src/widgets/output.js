/** Output controls: an empty place in this document, above which the page shows what they have caught. */
import { DOMWidgetModel, DOMWidgetView } from "@jupyter-widgets/base";
import { tell } from "../frame/inside/tell.js";

const places = new Map(); // view → OutputView
let told = "";
let isAsked = false;

export class OutputModel extends DOMWidgetModel {
  defaults() {
    return { ...super.defaults(), _model_name: "OutputModel", _view_name: "OutputView", _model_module: "@jupyter-widgets/output", _view_module: "@jupyter-widgets/output", msg_id: "", outputs: [] };
  }
}

export class OutputView extends DOMWidgetView {
  render() {
    super.render();
    this.el.classList.add("widget-output");
    this.place = document.createElement("div");
    this.el.append(this.place);
    places.set(this.cid, this);
    observer.observe(this.el);
    tellPlaces();
  }

  remove() {
    places.delete(this.cid);
    observer.unobserve(this.el);
    tellPlaces();
    return super.remove();
  }

  /** Where it stands; one whose height the author has set keeps it. */
  get where() {
    const { x, y, width } = this.place.getBoundingClientRect();
    const isSet = Boolean(this.el.style.height || this.el.style.maxHeight);
    const height = isSet ? this.el.clientHeight : 0;
    return { view: this.cid, model: this.model.model_id, x: x + scrollX, y: y + scrollY, width, height, shown: this.place.offsetParent !== null };
  }
}

const observer = new ResizeObserver(() => tellPlaces());

/** Tell the page where they all are, when it has been drawn. */
export function tellPlaces() {
  if (isAsked) return;
  isAsked = true;
  requestAnimationFrame(() => {
    isAsked = false;
    const now = [...places.values()].map(({ where }) => where);
    const text = JSON.stringify(now);
    if (text !== told) tell({ controls: { places: now } });
    told = text;
  });
}

/** Be as high as what the page shows there. */
export function setHeight({ view, height }) {
  const found = places.get(view);
  if (found) found.place.style.height = `${height}px`;
}
