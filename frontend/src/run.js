/** One computation, followed from its submission, or from a page's memory, to its end. */
import { Refused, ServerAway, newKey } from "./api.js";
import { loadPart } from "./lazy.js";
import { inSlices } from "./slices.js";

const SUBMIT_WAIT_S = 0.15; // longer would keep the first output of a slow cell back
const WAIT_S = 25; // of one long poll
const QUEUE_WAIT_S = 2; // what waits in the queue hears of its place this often, and far behind less often,
const QUEUE_WAIT_S_MAX = 15; // for then it takes its time,
const PLACES_A_SECOND = 40; // and many ask
const CUT_PAUSE_S = 2; // after a long poll that the server had no place for; in the queue as long as the next one
const PAUSE_S_FIRST = 0.5;
const PAUSE_S_MAX = 15;

/**
 * Calls `on.message(message)`, `on.state(state)`, `on.queue(position)`, `on.waits()` when it waits for
 * something else than before, `on.away(refusal or null)`, `on.back()` as things happen.
 * Messages come in order of `sequence`, each once, whatever the network does.
 */
export class Run {
  #api;
  #on;
  #leaving;
  #isAway = false;

  constructor(api, on, leaving = new AbortController()) {
    this.#api = api;
    this.#on = on;
    this.#leaving = leaving;
    this.id = null;
    this.isSubmitting = false; // whether a submission is on its way now
    this.isProving = false; // whether it does the work that the server asks for
    this.isPreparing = false; // whether another run goes before this one
    this.session = null;
    this.state = null;
    this.reason = null;
    this.sequence = -1;
  }

  /** Return a run that goes before this one and is left with it; `message(message)` is given what it says. */
  preliminary(message) {
    this.isPreparing = true;
    this.#on.waits?.();
    return new Run(this.#api, { message, away: this.#on.away, back: this.#on.back }, this.#leaving);
  }

  /** Hand on a message that belongs to this run although another computation brought it. */
  show(message) {
    this.#on.message(message);
  }

  /** Submit, follow and return the last state. Raises Refused. A server that is away is tried again: what it has got runs once. */
  async start(submission, submitted = () => {}) {
    const once = { once: newKey(), isFirst: true };
    const answer = await this.#persist(() => this.#submit(submission, once).catch((error) => this.#prove(submission, once, error)));
    if (!answer) return this.state;
    this.id = answer.id;
    this.session = answer.session;
    submitted(answer);
    this.#on.submitted?.(answer);
    if (await this.#receive(answer)) return this.state;
    return this.follow(answer.queue_position);
  }

  async #submit(submission, once, proof) {
    this.isSubmitting = true;
    this.isPreparing = false;
    if (!this.#isAway) this.#on.waits?.();
    const sent = { ...once };
    once.isFirst = false; // without an answer it may have been stored
    try {
      return await this.#api.submit(submission, sent, SUBMIT_WAIT_S, this.#leaving.signal, proof);
    } catch (error) {
      once.isFirst = sent.isFirst && error.kind === "queue_full";
      throw error;
    } finally {
      this.isSubmitting = false;
    }
  }

  /** Do the work that a refusal asks for, and submit once more. Raises the refusal when it asks for none, or none can be done. */
  async #prove(submission, once, refusal) {
    if (!refusal.challenge) throw refusal;
    this.isProving = true;
    this.#on.waits?.();
    let proof;
    try {
      proof = await (await loadPart("proof")).prove(refusal.challenge, this.#leaving.signal);
    } catch {
      throw refusal;
    } finally {
      this.isProving = false;
    }
    return this.#submit(submission, once, proof);
  }

  /** Follow a computation that was submitted before, from its first message. Raises Refused when it is forgotten. */
  async resume(id, found = () => {}) {
    this.id = id;
    const computation = await this.#persist(() => this.#api.computation(id, this.#leaving.signal));
    if (!computation) return this.state;
    this.session = computation.session;
    found(computation);
    this.#on.submitted?.(computation);
    if (!isOver(computation.state)) this.#enter(computation.state);
    return this.follow();
  }

  async follow(place) {
    for (;;) {
      const wait_s = this.state === "queued" ? queueWait_s(place) : WAIT_S;
      const batch = await this.#persist(() =>
        this.#api.messages(this.id, this.sequence, wait_s, this.#leaving.signal),
      );
      if (!batch) return this.state;
      if (await this.#receive(batch)) return this.state;
      place = batch.queue_position;
      if (batch.isCut && !(await pause(place ? queueWait_s(place) : CUT_PAUSE_S, this.#leaving.signal))) return this.state;
    }
  }

  /** Take a batch of messages; return whether they are the last. */
  async #receive({ messages = [], state, finished = false, queue_position: place }) {
    if (messages.length) this.#enter("running");
    await inSlices(messages, (message) => this.#take(message), this.#leaving.signal);
    if (finished) await this.#askForReason(state);
    if (finished || !isOver(state)) this.#enter(state);
    if (place) this.#on.queue?.(place);
    return finished;
  }

  /** Stop listening; the computation itself goes on. */
  leave() {
    this.#leaving.abort();
  }

  #take(message) {
    if (message.sequence <= this.sequence) return;
    this.sequence = message.sequence;
    this.#on.message(message);
  }

  #enter(state) {
    if (state === this.state) return;
    this.state = state;
    this.#on.state?.(state);
  }

  async #askForReason(state) {
    if (state === "done") return;
    const computation = await this.#persist(() => this.#api.computation(this.id, this.#leaving.signal));
    this.reason = computation?.reason ?? null;
  }

  /** Try a call until the server has answered it; null when this run was left. */
  async #persist(call) {
    for (let failures = 0; ; failures += 1) {
      let pause_s = Math.min(PAUSE_S_FIRST * 2 ** failures, PAUSE_S_MAX);
      try {
        const answer = await call();
        if (this.#isAway) this.#on.back?.();
        this.#isAway = false;
        return answer;
      } catch (error) {
        if (this.#leaving.signal.aborted) return null;
        if (error instanceof Refused && !error.isBusy) throw error;
        if (error instanceof Refused) pause_s = Math.max(error.retryAfter_s ?? 0, pause_s);
        else if (!(error instanceof ServerAway)) throw error;
        this.#isAway = true;
        this.#on.away?.(error instanceof Refused ? error : null);
      }
      if (!(await pause(pause_s, this.#leaving.signal))) return null;
    }
  }
}

function queueWait_s(place = 0) {
  return Math.min(QUEUE_WAIT_S_MAX, Math.max(QUEUE_WAIT_S, place / PLACES_A_SECOND));
}

function isOver(state) {
  return state !== "queued" && state !== "running";
}

/** Wait, but no longer than until the network comes back. Returns false when the run was left. */
function pause(seconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      resolve(!signal.aborted);
    };
    const timer = setTimeout(end, seconds * 1000);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
  });
}
