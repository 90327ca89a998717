/** The controls of one session: their models, the frames that draw them, and what goes between those and the kernel. */
import { Caught } from "./area.js";
import { deliver } from "./deliver.js";
import { Elsewhere, elementFor } from "./elsewhere.js";
import { frameOf } from "./frame.js";
import { Line } from "./line.js";
import { Models, buffersOf, putBuffers } from "./models.js";

const TARGET = "jupyter.widget";
const CONTROL = { target_name: "jupyter.widget.control", version: "1.0.0" };
const METHODS = new Set(["update", "custom", "request_state"]);
const BUFFERS_MAX = 64;
const ALIVE_S = 120; // a session ends when nothing has come for ten minutes (`session_idle_s`)
const GONE = [404, 409, 410];
const SHOWN = new Set(["stream", "display_data", "execute_result", "update_display_data", "error", "clear_output"]);

function isPaths(untrusted) {
  return Array.isArray(untrusted) && untrusted.every(Array.isArray);
}

export class Controls {
  #kernel;
  #tools;
  #models = new Models();
  #caught = new Map(); // model of an Output control → Caught
  #catching = new Map(); // computation → models of the Output controls that catch what it shows, the last one first asked
  #frames = new Set();
  #line = new Line((entry) => this.#deliver(entry));
  #isGone = false;
  #alive = null;

  /** `kernel`: {api, session, isShared, again()}; `tools`: {Output, Frame, Refused, Run, make, say, sentenceOf}. */
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
    this.#frames.forEach((frame) => frame.wasShown && !frame.node.isConnected && this.#drop(frame));
    const frame = new this.#tools.ControlFrame(this, id, context, this.#tools);
    this.#frames.add(frame);
    this.#keepAlive();
    if (this.#isGone) frame.grey(this.#models.canBeOperated(id), this.#kernel.again);
    const element = elementFor(location, context.locations);
    if (!element) return frame.place;
    return new Elsewhere(element, frame.place, context.output, { ended: () => this.#drop(frame), painted: (scheme) => frame.paint(scheme) }).mark;
  }

  /** The run that made them is over: where its session was not kept, nobody hears the controls any more. */
  async settle({ kept, isNew }) {
    if (!kept && isNew) this.#end();
    else if (!isNew) await this.#refresh();
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
    if (data.method === "update" && (!data.state || typeof data.state !== "object" || !isPaths(data.buffer_paths ?? []))) return;
    this.#line.send({ id, data, buffers, ticket, from: frame }, (tickets) => frame.post({ answered: tickets }));
  }

  async #deliver({ id, data, buffers, ticket, from }) {
    if (data.method === "update") {
      const state = { ...data.state };
      putBuffers(state, data.buffer_paths, buffers);
      this.#models.update(id, state);
    }
    const message = { msg_type: "comm_msg", content: { comm_id: id, data }, buffers };
    await this.#say(message, from, (reply) => this.take(reply, { id, ticket, from }) || from.show(reply));
  }

  /** Say something to the kernel; what refuses it ends the controls or is told at the frame that asked. */
  async #say(message, frame, take) {
    frame?.isBusy(true);
    try {
      const state = await deliver(this.#kernel, message, { take, began: (interrupt) => frame?.isBusy(true, interrupt) });
      if (state !== "done") this.#end();
    } catch (error) {
      if (!(error instanceof this.#tools.Refused)) console.error(error);
      else if (GONE.includes(error.status)) this.#end();
      else frame?.tell(this.#tools.sentenceOf(error));
    } finally {
      frame?.isBusy(false);
    }
  }

  #takeComm(msg_type, content, buffers, computation, cause) {
    const { comm_id: id, data = {}, target_name } = content;
    if (msg_type === "comm_open") {
      if (target_name !== TARGET || !data.state) return;
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
    const message = { id, data: { method: data.method, state }, buffers: [] };
    for (const frame of this.#frames) frame.post({ message, ticket: cause?.id === id && cause.from === frame ? cause.ticket : null });
  }

  #takeStates({ states, buffer_paths }, buffers) {
    for (const [i, [id, ...path]] of (buffer_paths ?? []).entries()) putBuffers(states[id]?.state ?? {}, [path], [buffers[i]]);
    for (const [id, { state }] of Object.entries(states ?? {})) {
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
    for (const frame of this.#frames) frame.post(message);
  }

  /** After a reload: ask, in one message, for the states of all models as they are now. */
  async #refresh() {
    const comm_id = crypto.randomUUID?.() ?? `control-${Math.random().toString(36).slice(2)}`;
    const take = (reply) => this.take(reply);
    const open = { msg_type: "comm_open", content: { comm_id, target_name: CONTROL.target_name, data: {} }, metadata: { version: CONTROL.version } };
    await this.#say(open, null, take);
    if (!this.#isGone) await this.#say({ msg_type: "comm_msg", content: { comm_id, data: { method: "request_states" } } }, null, take);
  }

  /** While somebody may see a control, its session must not end for want of messages. */
  #keepAlive() {
    this.#alive ??= setInterval(() => {
      const isSeen = document.visibilityState === "visible" && [...this.#frames].some(({ node }) => node.isConnected);
      if (isSeen && this.#line.isIdle) this.#say({ msg_type: "comm_msg", content: { comm_id: "", data: {} } }, null, () => {});
    }, ALIVE_S * 1000);
  }

  #end() {
    if (this.#isGone) return;
    this.#isGone = true;
    clearInterval(this.#alive);
    this.#line.clear();
    for (const frame of this.#frames) frame.grey(this.#models.canBeOperated(frame.model), this.#kernel.again);
  }

  #drop(frame) {
    frame.end();
    this.#frames.delete(frame);
  }
}
