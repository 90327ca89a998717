/** Controls (ipywidgets, anywidget) of a session: what knows them is loaded with the first message that is about one. */
import { loadPart, once } from "./lazy.js";

/** Whether a message is one of a comm, or shows a control. */
export function isOfControls({ header, content }) {
  return /^comm_/.test(header.msg_type) || content?.data?.["application/vnd.jupyter.widget-view+json"];
}

/** Return a promise of what shows the controls of a session, to all cells that share it. */
export function controlsOf(kernel, tools) {
  return once(kernel.session, () => loadPart("controls").then(({ Controls }) => new Controls(kernel, tools)));
}
