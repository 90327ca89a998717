/** The script that pages load: defines <single-cell>. Loading it twice does no harm. */
import { SingleCell } from "./element.js";
import { loadPart } from "./lazy.js";
import { isThisScript } from "./script_location.js";

// Our events bubble, and the window is no place for `error`: pages report there what goes wrong in their own scripts.
document.addEventListener("error", (event) => event.target instanceof SingleCell && event.stopPropagation());

if (!customElements.get("single-cell")) customElements.define("single-cell", SingleCell);

for (const script of document.querySelectorAll("script[data-select]")) {
  // Where the part cannot be had, the blocks stay what they are.
  if (isThisScript(script)) loadPart("markup").then(({ makeCells }) => makeCells(script), console.warn);
}

export { SingleCell };
