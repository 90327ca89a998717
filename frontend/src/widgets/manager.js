/** Makes models and views of controls by Jupyter's own packages, from the states that the page hands in. */
import { defined } from "./catch_define.js";
import "anywidget";
import * as base from "@jupyter-widgets/base";
import * as controls from "@jupyter-widgets/controls";
import { ManagerBase } from "@jupyter-widgets/base-manager";
import { breath } from "./breath.js";
import { Comm } from "./comm.js";
import { latexTypesetter } from "./formulas.js";
import { loadModule } from "./modules.js";
import * as output from "./output.js";
import { PlayModel } from "./play.js";
import { tell } from "../frame/inside/tell.js";

const MODULES = {
  "@jupyter-widgets/base": base,
  "@jupyter-widgets/controls": { ...controls, PlayModel },
  "@jupyter-widgets/output": output,
  anywidget: defined.make(base),
};
const CHOICES_MAX = 10_000; // more would hold a page up for seconds
const LINKS = /^(?:Directional)?LinkModel$/;

export class Manager extends ManagerBase {
  #states = new Map(); // model → state, of those that nobody has asked for yet
  #comms = new Map();
  _rendermime = { latexTypesetter }; // where Jupyter's packages look for it

  /** Know models by their states; one is made when another or a view first asks for it. */
  know(models) {
    for (const { id, state } of models) this.#states.set(id, state);
    // A link is in nobody's state.
    for (const { id, state } of models) if (LINKS.test(state._model_name)) this.get_model(id).catch(console.warn);
  }

  has_model(id) {
    return super.has_model(id) || this.#states.has(id);
  }

  get_model(id) {
    const state = this.#states.get(id);
    if (!state) return super.get_model(id);
    this.#states.delete(id);
    cut(state);
    const comm = new Comm(id);
    this.#comms.set(id, comm);
    const about = { model_name: state._model_name, model_module: state._model_module, model_module_version: state._model_module_version };
    return this.new_model({ ...about, model_id: id, comm }, state);
  }

  /** Hand a message of the kernel to its model; one that is not made yet begins with what it says. */
  hear({ id, data, buffers }, ticket) {
    const state = this.#states.get(id);
    cut(data.state);
    if (state && data.state) return Object.assign(state, data.state);
    this.#comms.get(id)?.hear({ content: { comm_id: id, data }, buffers, parent_header: { msg_id: ticket }, header: { msg_type: "comm_msg" } });
  }

  close(id) {
    this.#states.delete(id);
    this.#comms.get(id)?.closed?.({});
    this.#comms.delete(id);
  }

  /** Called for each model and each view that is made. */
  async loadClass(name, module) {
    await breath();
    const found = (await loadModule(module, MODULES))[name];
    if (!found) throw new Error(`There is no ${name} in ${module}.`);
    return found;
  }

  async _create_comm() {
    throw new Error("Controls are made by the kernel.");
  }

  /** What is known here: the page hands in all that the kernel opens. */
  async _get_comm_info() {
    return Object.fromEntries([...this.#states.keys(), ...this.#comms.keys()].map((comm_id) => [comm_id, { comm_id }]));
  }
}

/** Leave out the choices for which there is no room; the page says so. */
function cut(state) {
  const labels = state?._options_labels;
  if (!Array.isArray(labels) || labels.length <= CHOICES_MAX) return;
  tell({ controls: { choices: labels.length, shown: CHOICES_MAX } });
  state._options_labels = labels.slice(0, CHOICES_MAX);
}
