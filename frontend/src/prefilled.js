/** The output that the author of the page wrote: shown until code gives another; from a template only when the server is away. */
import { make } from "./dom.js";

export function showPrefilled(element, output, isAway = false) {
  const written = [...element.children].find((child) => child.matches("[data-output]"));
  if (!written || (written.localName === "template" && !isAway)) return;
  let node = written;
  if (written.localName === "template") {
    node = make("div", { "data-output": true }, document.importNode(written.content, true));
    written.replaceWith(node);
  }
  node.slot = "output";
  output.prefill();
}
