/** Widgets (ipywidgets): their text, until there is more. */
import { make } from "../dom.js";
import { say } from "../texts.js";
import { textNode } from "./text.js";

export function widgetNode(_, { plain }) {
  return make("div", {}, make("p", { class: "notice" }, say("widget")), plain ? textNode(plain) : "");
}
