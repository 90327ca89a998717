/** The end of a comm that a model has in this document; the other one is in the kernel. */
import { tell } from "../frame/inside/tell.js";

const EARLY_MAX = 1000;

const waiting = new Map(); // ticket → what is to be called when the kernel has answered
let tickets = 0;

export class Comm {
  target_name = "jupyter.widget";
  #heard = null;
  #early = [];

  constructor(comm_id) {
    this.comm_id = comm_id;
  }

  /** Have messages of the kernel heard, and those that came before: its model is being made then. */
  on_msg(heard) {
    this.#heard = heard;
    for (const message of this.#early.splice(0)) queueMicrotask(() => heard(message));
  }

  hear(message) {
    if (this.#heard) this.#heard(message);
    else if (this.#early.push(message) > EARLY_MAX) this.#early.shift();
  }

  on_close(closed) {
    this.closed = closed;
  }

  open() {
    return "";
  }

  /** A view that closes its model closes it here alone: others may show it. */
  close() {
    return "";
  }

  /** Send data to the kernel; return what names this message. */
  send(data, callbacks, _, buffers = []) {
    const ticket = `${(tickets += 1)}`;
    waiting.set(ticket, callbacks);
    const plain = JSON.parse(JSON.stringify(data));
    tell({ controls: { send: { id: this.comm_id, data: plain, buffers: buffers.map(bytesOf), ticket } } });
    return ticket;
  }
}

/** Tell those who sent these messages that the kernel has done with them. */
export function answer(answered) {
  for (const ticket of answered) {
    waiting.get(ticket)?.iopub?.status?.({ content: { execution_state: "idle" } });
    waiting.delete(ticket);
  }
}

function bytesOf(buffer) {
  if (!ArrayBuffer.isView(buffer)) return buffer;
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}
