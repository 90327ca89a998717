/** In the document of an output: draws one control of the session and what is within it. */
import { MessageLoop } from "@lumino/messaging";
import { Widget } from "@lumino/widgets";
import { answer } from "./comm.js";
import { showFailures } from "./failure.js";
import { Manager } from "./manager.js";
import { takeModule } from "./modules.js";
import { nameControls } from "./names.js";
import { setHeight, tellPlaces } from "./output.js";
import { measureReadouts } from "./readouts.js";
import { tell } from "../frame/inside/tell.js";
import style from "./style.js";

const manager = new Manager();
let shown = null;

async function show(id) {
  const model = await manager.get_model(id);
  const view = await manager.create_view(model);
  shown = view.luminoWidget;
  Widget.attach(shown, document.getElementById("controls"));
  tellPlaces();
}

function hear({ open, show: id, message, ticket, close, answered, height, title, dir, module }) {
  if (title) document.title = title;
  if (dir) document.getElementById("controls").dir = dir;
  if (module) takeModule(module);
  if (open) manager.know(open);
  if (message) manager.hear(message, ticket);
  if (close) manager.close(close);
  if (answered) answer(answered);
  if (height) setHeight(height);
  if (id) show(id).catch((error) => (console.warn(error), tell({ failed: true })));
}

const sheet = document.createElement("style");
sheet.textContent = style;
document.head.append(sheet);
addEventListener("message", ({ source, data }) => {
  if (source === parent && data?.controls) hear(data.controls);
});
addEventListener("resize", () => {
  if (shown) MessageLoop.postMessage(shown, Widget.ResizeMessage.UnknownSize);
  tellPlaces();
});
addEventListener("scroll", tellPlaces, true);
new MutationObserver(tellPlaces).observe(document.body, { subtree: true, childList: true, attributes: true, attributeFilter: ["class", "style", "hidden"] });
showFailures();
measureReadouts();
nameControls();
tell({ controls: { ready: true } });
