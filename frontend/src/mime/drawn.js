/** What is drawn in a frame: HTML, JavaScript, and the charts that come as data. */
import { make } from "../dom.js";
import { say } from "../texts.js";
import { Frame } from "./frame.js";

const WINDOW_HEIGHT_PX = 400; // of documents that fill their window, such as scenes in space
const PLOTLY_HEIGHT_PX = 450;
// What Bokeh shows in a notebook besides its charts: that it is loading, and the empty places that it draws into.
const OF_BOKEHS_NOTEBOOK = /^\s*(?:<style>\s*\.bk-notebook-logo\b|(?:<div id="[\w-]+" data-root-id="\w+"[^>]*><\/div>\s*)+$)/;
const ON_TILES = /^(?:scatter|density|choropleth)map(?:box)?$/;

export function frameNode(data, { type, ...about }) {
  if (type === "text/html" && OF_BOKEHS_NOTEBOOK.test(data)) return null;
  const fillsWindow = type === "text/html" && /^\s*<(?:!doctype|html)\b/i.test(data);
  return new Frame({ type, data: String(data) }, { ...about, height: fillsWindow ? WINDOW_HEIGHT_PX : 0 }).node;
}

export function plotlyNode(value, { type, ...about }) {
  const traces = Array.isArray(value?.data) ? value.data : [];
  if (traces.some((trace) => ON_TILES.test(trace?.type))) return make("p", { class: "notice" }, say("frame_tiles"));
  const height = Number(value?.layout?.height);
  return new Frame({ type, data: { value } }, { ...about, height: height > 0 ? height : PLOTLY_HEIGHT_PX }).node;
}

export function vegaNode(value, { type, ...about }) {
  return new Frame({ type, data: { value, options: about.metadata } }, about).node;
}

/** Bokeh's charts are a script; the places that it draws into came before it, alone. */
export function bokehNode(_, { type, ...about }) {
  const data = [about.bundle["application/javascript"] ?? ""].flat().join("");
  return new Frame({ type, data }, about).node;
}
