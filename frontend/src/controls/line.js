/** What waits to be sent to a session: one message is under way at a time, and of each model the latest state waits. */
import { isOnTheWay } from "./deliver.js";

const WAITING_MAX = 500;

export class Line {
  #waiting = [];
  #isAtWork = false;

  /** `deliver(entry)` sends one and resolves when it has been answered; it does not reject. */
  constructor(deliver) {
    this.deliver = deliver;
  }

  /** Whether nothing is under way. */
  get isIdle() {
    return !this.#isAtWork;
  }

  /** Whether something waits that a frame has said. */
  has(frame) {
    return this.#waiting.some(({ from }) => from === frame);
  }

  /**
   * Send {id, data, buffers, ticket, from}, after what waits already; `answered(tickets)` is called when that has its answer.
   * Returns false when too much waits.
   */
  send(entry, answered) {
    const before = this.#waiting.findLast(({ id, from }) => id === entry.id && from === entry.from);
    if (before && before.data.method === "update" && entry.data.method === "update") join(before, entry);
    else if (before && before === this.#waiting.at(-1) && overtakes(before, entry)) {
      Object.assign(before, { data: entry.data, buffers: entry.buffers });
      before.tickets.push(entry.ticket);
    } else if (this.#waiting.length >= WAITING_MAX) return false;
    else this.#waiting.push({ ...entry, tickets: [entry.ticket], answered });
    this.#work();
    return true;
  }

  clear() {
    this.#waiting = [];
  }

  /** Send nothing more of what a frame has said. */
  drop(frame) {
    this.#waiting = this.#waiting.filter(({ from }) => from !== frame);
  }

  async #work() {
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    while (this.#waiting.length) {
      const entry = this.#waiting.shift();
      await this.deliver(entry);
      entry.answered(entry.tickets);
    }
    this.#isAtWork = false;
  }
}

/** Whether of two events of a pointer that follow one another the later one says it all. */
function overtakes(before, { data }) {
  return isOnTheWay(before.data) && isOnTheWay(data) && before.data.content.type === data.content.type;
}

/** Put a later state of a model into an earlier one that nobody has sent yet. */
function join(before, { data, buffers, ticket }) {
  const kept = (before.data.buffer_paths ?? []).map((path, i) => [path, before.buffers[i]]).filter(([[key]]) => !(key in data.state));
  const added = (data.buffer_paths ?? []).map((path, i) => [path, buffers[i]]);
  const all = [...kept.filter(([[key]]) => !added.some(([[other]]) => other === key)), ...added];
  Object.assign(before.data.state, data.state);
  before.data.buffer_paths = all.map(([path]) => path);
  before.buffers = all.map(([, buffer]) => buffer);
  before.ticket = ticket;
  before.tickets.push(ticket);
}
