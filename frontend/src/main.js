/** The script that pages load: defines <single-cell>. Loading it twice does no harm. */
import { SingleCell } from "./element.js";

if (!customElements.get("single-cell")) customElements.define("single-cell", SingleCell);

export { SingleCell };
