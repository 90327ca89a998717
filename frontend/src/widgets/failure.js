/** What stands in the place of a control that cannot be drawn; why, the page says below. */
import { ErrorWidgetView } from "@jupyter-widgets/base";
import { tell } from "../frame/inside/tell.js";
import { MissingModule } from "./modules.js";

/** Have Jupyter's packages show failures so: theirs needs a pointer, and speaks of a browser's console. */
export function showFailures() {
  ErrorWidgetView.prototype.render = function render() {
    const error = this.model.get("error");
    const sign = document.createElement("span");
    sign.textContent = "⚠";
    sign.className = "failed";
    this.el.append(sign);
    if (!(error instanceof MissingModule)) tell({ wrong: String(error?.message ?? error) });
  };
}
