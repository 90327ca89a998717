/** The models of a session's controls, as the kernel and the frames have last said that they are. */

const VALUE = /^(?!_|layout$|style$|children$)/;

export class Models {
  #states = new Map(); // model → its state, with buffers in their places

  has(id) {
    return this.#states.has(id);
  }

  get(id) {
    return this.#states.get(id);
  }

  /** [{id, state}], in the order in which they were opened. */
  get all() {
    return [...this.#states].map(([id, state]) => ({ id, state }));
  }

  open(id, state) {
    this.#states.set(id, state);
  }

  close(id) {
    this.#states.delete(id);
  }

  update(id, state) {
    const own = this.#states.get(id);
    if (own) Object.assign(own, state);
  }

  /** Whether a model or one within it is something to operate. */
  canBeOperated(id, seen = new Set()) {
    const state = this.#states.get(id);
    if (!state || seen.has(id)) return false;
    seen.add(id);
    if (!PASSIVE.test(state._model_name ?? "")) return true;
    return Object.entries(state).some(([key, value]) => (VALUE.test(key) || key === "children") && this.#within(value, seen));
  }

  #within(value, seen) {
    return [value].flat(2).some((item) => typeof item === "string" && item.startsWith(MODEL) && this.canBeOperated(item.slice(MODEL.length), seen));
  }
}

const MODEL = "IPY_MODEL_";
const PASSIVE = /^(?:.*Progress|HTML|HTMLMath|Label|Valid|.*Box|.*Layout|.*Style|Output|Image|Audio|Video|.*Link)Model$/;

function isObject(value) {
  return value !== null && typeof value === "object";
}

/** Put buffers where a state has had them. */
export function putBuffers(state, paths, buffers) {
  if (!Array.isArray(paths)) return;
  for (const [i, path] of paths.entries()) {
    if (!Array.isArray(path)) continue;
    let place = state;
    // Foreign keys: no way may lead to what all objects share.
    for (const key of path.slice(0, -1)) place = isObject(place) && Object.hasOwn(place, key) ? place[key] : null;
    if (isObject(place) && path.at(-1) !== "__proto__") place[path.at(-1)] = buffers[i];
  }
}

/** Return the buffers of a message, which has them in base64, or as bytes where it came in parts. */
export function buffersOf(message) {
  return (message.buffers ?? []).map((buffer) => new DataView(typeof buffer === "string" ? bytesOf(buffer).buffer : buffer));
}

function bytesOf(text) {
  const chars = atob(text);
  const bytes = new Uint8Array(chars.length);
  // `Uint8Array.from` with a function takes thirty times as long, and the page stands still.
  for (let at = 0; at < chars.length; at += 1) bytes[at] = chars.charCodeAt(at);
  return bytes;
}
