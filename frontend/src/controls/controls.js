/** The controls of one session: their models, the frames that draw them, and what goes between those and the kernel. */
import { Caught } from "./area.js";
import { Delivery } from "./deliver.js";
import { Elsewhere, elementFor } from "./elsewhere.js";
import { frameOf } from "./frame.js";
import { Line } from "./line.js";
import { Models, buffersOf, putBuffers } from "./models.js";
import { newId, replay } from "./restore.js";
import { Updates } from "./updates.js";

const TARGET = "jupyter.widget";
const CONTROL = { target_name: "jupyter.widget.control", version: "1.0.0" };
const METHODS = new Set(["update", "custom", "request_state"]);
const BUFFERS_MAX = 64;
const FRAMES_MAX = 500;
const DEPTH_MAX = 4; // of controls within what Output controls show
const RESTORE_MS = 50;
const LOOK_S = 30;
const ALIVE_S = 120; // a session ends when nothing has come for ten minutes (`session_idle_s`)
// No model has this id; a value may be set twice, and the server keeps no history of it.
const ALIVE = { msg_type: "comm_msg", content: { comm_id: "alive", data: { method: "update", state: {} } } };
const GONE = [404, 409, 410];
const SHOWN = new Set(["stream", "display_data", "execute_result", "update_display_data", "error", "clear_output"]);

function isUpdate({ state, buffer_paths = [] }, buffers) {
  if (!state || typeof state !== "object" || Array.isArray(state) || !Array.isArray(buffer_paths)) return false;
  return buffer_paths.length === buffers.length && buffer_paths.every((path) => Array.isArray(path) && typeof path[0] === "string");
}

export class Controls {
  #kernel;
  #tools;
  #models = new Models();
  #caught = new Map(); // model of an Output control → Caught
  #catching = new Map(); // computation → models of the Output controls that catch what it shows, the last one first asked
  #frames = new Set();
  #line = new Line((entry) => this.#deliver(entry));
  #updates = new Updates((message) => this.#tell({ message }));
  #underWay = null; // the Delivery
  #isGone = false;
  #reason = ""; // why it is gone, as a reader is told
  #alive = null;
  #heard = performance.now(); // when the session was last spoken to
  #resumed = new Set(); // computations that the page remembered
  #restoring = null;
  #modules = new Map(); // name → promise of a script of another package's controls

  /** `kernel`: {api, session, isShared, again()}; `tools`: {Output, Frame, Refused, Run, busySentence, closing, fetchFile, make, say, sentenceOf}. */
  constructor(kernel, tools) {
    this.#kernel = { ...kernel, Run: tools.Run };
    this.#tools = { ...tools, ControlFrame: frameOf(tools.Frame) };
  }

  /** Take a message of the kernel, with {id, ticket, from} of what brought it about; return whether it was for the controls, and is no output of the cell. */
  take(message, cause = null) {
    const { header, parent_header, content } = message;
    const computation = parent_header?.msg_id;
    if (header.msg_type.startsWith("comm_")) {
      try {
        this.#takeComm(header.msg_type, content, buffersOf(message), computation, cause);
      } catch (error) {
        console.warn(error); // no message that ipywidgets would send; the others are
      }
      return true;
    }
    const catcher = this.#catching.get(computation)?.at(-1);
    if (!catcher || !SHOWN.has(header.msg_type)) return false;
    this.#caughtBy(catcher).take(message);
    return true;
  }

  /** Return a node that shows a model, null where there is none. `location`: where in the page its author wants it, or nothing. */
  node(id, context, location) {
    if (!this.#models.has(id)) return null;
    this.#frames.forEach((frame) => frame.isLeft && this.#drop(frame));
    // An Output control may show a control that shows the Output control.
    if ((context.depth ?? 0) > DEPTH_MAX || this.#frames.size >= FRAMES_MAX) return null;
    const frame = new this.#tools.ControlFrame(this, id, context, this.#tools);
    this.#frames.add(frame);
    this.#keepAlive();
    if (this.#isGone) this.#grey(frame);
    const element = elementFor(location, context.locations);
    if (!element) return frame.place;
    return new Elsewhere(element, frame.place, context.output, { ended: () => this.#drop(frame), painted: (scheme) => frame.paint(scheme) }).mark;
  }

  /** The run `id` that made them is over, in `state` for `reason`: where its session was not kept or ended with it, nobody hears them. */
  settle({ kept, isNew, id, state, reason }) {
    if (isNew && (!kept || state !== "done")) return this.#end(reason);
    if (isNew) return;
    // Cells that share the session come to this one after the other.
    this.#resumed.add(id);
    clearTimeout(this.#restoring);
    this.#restoring = setTimeout(() => this.#restore(), RESTORE_MS);
  }

  /** Be left: another run takes the place of the one that made them, and nobody else shares their session. */
  leave() {
    if (this.#kernel.isShared) return;
    if (!this.#isGone) this.#kernel.api.endSession(this.#kernel.session).catch(() => {});
    this.#end();
  }

  get models() {
    return this.#models.all;
  }

  /** What an Output control has caught, null where there is no such control. */
  caught(id) {
    return this.#models.has(id) ? this.#caughtBy(id) : null;
  }

  /** Take what a frame's document says to its model. What names no model of this session, or is no such message, is left alone. */
  send(frame, untrusted) {
    const { id, data, buffers = [], ticket } = untrusted ?? {};
    if (this.#isGone || typeof id !== "string" || !this.#models.has(id)) return;
    if (!METHODS.has(data?.method) || !Array.isArray(buffers) || buffers.length > BUFFERS_MAX) return;
    if (!buffers.every((buffer) => buffer instanceof ArrayBuffer || ArrayBuffer.isView(buffer))) return;
    if (data.method === "update" && !isUpdate(data, buffers)) return;
    frame.busy.begin();
    const isTaken = this.#line.send({ id, data, buffers, ticket, from: frame }, (tickets) => {
      frame.post({ answered: tickets });
      frame.busy.end();
      if (this.#line.has(frame)) frame.busy.begin();
    });
    if (!isTaken) frame.halt();
  }

  /** Hear a frame no more. */
  forget(frame) {
    this.#line.drop(frame);
    this.#drop(frame);
  }

  /** Return a promise of the script of another package's controls; rejects where our server has none. */
  module(name) {
    const { fetchFile } = this.#tools;
    if (!this.#modules.has(name)) this.#modules.set(name, fetchFile(new URL(`static/widgets/${name}.js`, this.#kernel.api.server)));
    return this.#modules.get(name);
  }

  /** Stop what is under way; with `again` the session ends. */
  async stop(again) {
    await this.#underWay?.stop(again);
  }

  async #deliver({ id, data, buffers, ticket, from }) {
    if (data.method === "update") {
      const state = { ...data.state };
      putBuffers(state, data.buffer_paths, buffers);
      this.#models.update(id, state);
    }
    const message = { msg_type: "comm_msg", content: { comm_id: id, data }, buffers };
    await this.#say(message, (reply) => this.take(reply, { id, ticket, from }) || from.show(reply), from);
  }

  /** Say something to the kernel; what refuses it ends the controls or is told at the frame that asked. */
  async #say(message, take, frame = null) {
    const { Refused, busySentence, say, sentenceOf } = this.#tools;
    const busy = (sentence) => this.#frames.forEach((each) => each.busy.say(sentence));
    const delivery = new Delivery(this.#kernel, message, {
      message: take,
      away: (refusal) => busy(refusal ? busySentence(refusal) : say("away")),
      back: () => busy(say("running")),
    });
    this.#underWay = delivery;
    this.#heard = performance.now();
    try {
      const { isOver, reason } = await delivery.send();
      if (isOver) this.#end(reason);
    } catch (error) {
      if (!(error instanceof Refused)) console.error(error);
      else if (GONE.includes(error.status)) this.#end();
      else frame?.tell(sentenceOf(error));
    } finally {
      this.#underWay = null;
    }
  }

  #takeComm(msg_type, content, buffers, computation, cause) {
    const { comm_id: id, data = {}, target_name } = content;
    if (msg_type === "comm_open") {
      if (target_name !== TARGET || !data.state || typeof data.state !== "object") return;
      putBuffers(data.state, data.buffer_paths, buffers);
      this.#models.open(id, data.state);
      this.#tell({ open: [{ id, state: data.state }] });
      if (data.state.outputs?.length) this.#caughtBy(id).replace(data.state.outputs);
    } else if (msg_type === "comm_close") {
      this.#models.close(id);
      this.#catch(id, computation, false);
      this.#caught.delete(id);
      this.#tell({ close: id });
    } else if (data.method === "update_states") this.#takeStates(data, buffers);
    else if (this.#models.has(id)) this.#takeData(id, data, buffers, computation, cause);
  }

  #takeData(id, data, buffers, computation, cause) {
    if (data.method === "custom") return this.#tell({ message: { id, data, buffers } });
    if (data.method !== "update" && data.method !== "echo_update") return;
    const { state } = data;
    putBuffers(state, data.buffer_paths, buffers);
    this.#models.update(id, state);
    if (typeof state.msg_id === "string") this.#catch(id, computation, state.msg_id !== "");
    if (state.outputs && data.method === "update") this.#caughtBy(id).replace(state.outputs);
    if (data.method === "update" || cause?.id !== id) return this.#updates.put(id, data.method, state);
    this.#updates.flush();
    const message = { id, data: { method: data.method, state }, buffers: [] };
    for (const frame of this.#frames) frame.post({ message, ticket: cause.from === frame ? cause.ticket : null });
  }

  #takeStates({ states, buffer_paths }, buffers) {
    putBuffers(states, buffer_paths, buffers);
    for (const [id, { state }] of Object.entries(states ?? {})) {
      if (!state || typeof state !== "object") continue;
      if (this.#models.has(id)) {
        this.#models.update(id, state);
        this.#tell({ message: { id, data: { method: "update", state }, buffers: [] } });
      } else {
        this.#models.open(id, state);
        this.#tell({ open: [{ id, state }] });
      }
    }
  }

  /** Have an Output control catch what a computation shows, or no longer. */
  #catch(id, computation, does) {
    const others = (this.#catching.get(computation) ?? []).filter((other) => other !== id);
    if (does) others.push(id);
    if (others.length) this.#catching.set(computation, others);
    else this.#catching.delete(computation);
    if (!does) this.#caughtBy(id).settle();
  }

  #caughtBy(id) {
    if (!this.#caught.has(id)) this.#caught.set(id, new Caught());
    return this.#caught.get(id);
  }

  #tell(message) {
    this.#updates.flush();
    for (const frame of this.#frames) frame.post(message);
  }

  /** After a reload: show again what the last moves brought about, and ask, in one message, for the states of all models as they are now. */
  async #restore() {
    if (this.#isGone) return;
    const { api, session } = this.#kernel;
    const [frame] = this.#frames;
    const isAlive = await replay(api, session, this.#resumed, (message) => this.take(message) || frame?.show(message));
    if (!isAlive) return this.#end();
    const comm_id = newId();
    const open = { msg_type: "comm_open", content: { comm_id, target_name: CONTROL.target_name, data: {} }, metadata: { version: CONTROL.version } };
    const take = (reply) => this.take(reply);
    await this.#say(open, take);
    if (!this.#isGone) await this.#say({ msg_type: "comm_msg", content: { comm_id, data: { method: "request_states" } } }, take);
  }

  /** While somebody may see a control, its session must not end for want of messages; who comes back to the page finds out at once. */
  #keepAlive() {
    if (this.#alive || this.#isGone) return;
    this.#alive = setInterval(this.#look, LOOK_S * 1000);
    document.addEventListener("visibilitychange", this.#look);
  }

  #look = () => {
    const isSeen = document.visibilityState === "visible" && [...this.#frames].some(({ node }) => node.isConnected);
    const isTime = performance.now() - this.#heard > (ALIVE_S - LOOK_S / 2) * 1000;
    if (isSeen && isTime && this.#line.isIdle && !this.#underWay) this.#say(ALIVE, () => {});
  };

  #end(reason = null) {
    if (this.#isGone) return;
    this.#isGone = true;
    const { closing } = this.#tools;
    this.#reason = reason && reason !== "session_gone" ? closing("failed", { reason }).sentence : "";
    clearInterval(this.#alive);
    document.removeEventListener("visibilitychange", this.#look);
    this.#line.clear();
    this.#frames.forEach((frame) => this.#grey(frame));
  }

  #grey(frame) {
    frame.grey(this.#models.canBeOperated(frame.model), this.#kernel.again, this.#reason);
  }

  #drop(frame) {
    frame.end();
    this.#frames.delete(frame);
  }
}
