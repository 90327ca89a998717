/** Controls (ipywidgets): drawn by what knows those of the session, else their text. */
import { make } from "../dom.js";
import { say } from "../texts.js";
import { textNode } from "./text.js";

export function widgetNode(data, { plain, context, metadata }) {
  const node = context.output?.controls?.node(data?.model_id, context, metadata.location);
  return node ?? make("div", {}, make("p", { class: "notice" }, say("widget")), plain ? textNode(plain) : "");
}
