/** What the kernel says of values, on its way to a frame: of each value the last one is told, as often as a frame can draw. */
const EVERY_MS = 16;

export class Updates {
  #tell;
  #waiting = new Map(); // model and method → {id, data}
  #timer = null;

  /** `tell(message)` hands a {id, data, buffers} on. */
  constructor(tell) {
    this.#tell = tell;
  }

  put(id, method, state) {
    const key = `${method} ${id}`;
    const before = this.#waiting.get(key);
    this.#waiting.delete(key); // what was said last of a model comes last
    this.#waiting.set(key, { id, data: { method, state: { ...before?.data.state, ...state } }, buffers: [] });
    this.#timer ??= setTimeout(() => this.flush(), EVERY_MS);
  }

  /** Tell what waits, because it is time or because something comes that is no update. */
  flush() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const message of waiting) this.#tell(message);
  }
}
