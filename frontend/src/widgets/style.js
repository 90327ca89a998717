/** How controls look: Jupyter's own rules, in the cell's colours. */
import lumino from "@lumino/widgets/style/widget.css";
import tabs from "@lumino/widgets/style/tabbar.css";
import panels from "@lumino/widgets/style/tabpanel.css";
import accordions from "@lumino/widgets/style/accordionpanel.css";
import base from "@jupyter-widgets/base/css/index.css";
import controls from "@jupyter-widgets/controls/css/widgets.built.css";
import { signRules } from "../frame/signs.js";
import own from "./widgets.css";

export default [lumino, tabs, panels, accordions, base, controls, signRules, own].join("\n");
