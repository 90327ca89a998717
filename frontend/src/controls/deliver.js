/** Hands a comm message to the session: the only place of the page that does. */

// Events of a pointer on its way over a control: the last one says it all.
const ON_THE_WAY = /motion|move|drag/i;

/** Whether a message is an event of a pointer on its way. */
export function isOnTheWay({ method, content }) {
  return method === "custom" && typeof content?.type === "string" && ON_THE_WAY.test(content.type);
}

/** Whether nothing is lost when a message arrives twice, or when only the last of several stays. */
function mayRepeat(data) {
  return data.method === "update" || isOnTheWay(data);
}

/** A message on its way to the session, followed to the end of what it brings about. */
export class Delivery {
  #api;
  #run;
  #message;
  #buffers;
  #session;
  #isStopped = false;
  #hadBegun = false; // when it was stopped

  /** `on`: message(message) for each of the kernel; away(refusal or null) while the server keeps it waiting, and back(). */
  constructor({ api, session, Run }, { msg_type, content, metadata = {}, buffers = [] }, on) {
    this.#api = api;
    this.#session = session;
    // On its way it will be worked on whether or not anybody listens: it is stopped as soon as it has an id.
    this.#run = new Run(api, { ...on, submitted: () => this.#isStopped && this.stop(false).catch(console.warn) });
    this.#message = { msg_type, content, metadata };
    this.#buffers = buffers;
  }

  /** Resolves with {isOver, reason}: whether the session ended with it, and why. Raises Refused. */
  async send() {
    const state = await this.#run.start({ session: this.#session, message: this.#message, buffers: this.#buffers, keep: true, mayRepeat: mayRepeat(this.#message.content.data) });
    // One that was taken back while it waited has done nothing to the session, and one that never left neither.
    const isOver = state === "failed" || state === "lost" || (state === "cancelled" && this.#hadBegun);
    return { isOver, reason: this.#run.reason };
  }

  /** Interrupt what it has brought about, or take it back; with `again` end the session. */
  async stop(again) {
    const { id, state, isSubmitting } = this.#run;
    this.#isStopped = true;
    if (!id) return isSubmitting ? null : this.#run.leave();
    this.#hadBegun = state === "running";
    return again && this.#hadBegun ? this.#api.cancel(id) : this.#api.interrupt(id);
  }
}
