/** How controls look: Jupyter's own rules, in the cell's colours. */
import { signRules } from "../frame/signs.js";

export default WIDGETS_STYLE + signRules; // the first is set by the build, of widgets.css and what that imports
