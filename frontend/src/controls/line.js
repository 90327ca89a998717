/** What waits to be sent to a session: one message is under way at a time, and of each model the latest state waits. */

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

  /** Send {id, data, buffers, ticket, from}, after what waits already; `answered(tickets)` is called when that has its answer. */
  send(entry, answered) {
    const before = this.#waiting.findLast(({ id, from }) => id === entry.id && from === entry.from);
    if (before && before.data.method === "update" && entry.data.method === "update") join(before, entry);
    else this.#waiting.push({ ...entry, tickets: [entry.ticket], answered });
    this.#work();
  }

  clear() {
    this.#waiting = [];
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
