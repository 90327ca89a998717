/** Decides which kernel a cell's code runs in: one of its own for each run, or one that linked cells share. */
import { Refused } from "./api.js";
import { FILES_TYPE, readFiles } from "./mime/files.js";
import { say } from "./texts.js";

const PREFIX = "singlecell-session:";
const shared = new Map(); // server, language and link key → Session

export function isLinked(element) {
  return element.hasAttribute("linked") || element.hasAttribute("link-key");
}

/** Return the session of an element; linked cells with the same key, language and server get the same one. */
export function sessionOf(element) {
  if (!isLinked(element)) return new Session(null, element.server);
  const key = JSON.stringify([element.server, element.language, element.getAttribute("link-key") ?? ""]);
  if (!shared.has(key)) shared.set(key, new Session(key, element.server));
  return shared.get(key);
}

/** A kernel on the server, as far as the page knows it: its id, and what has been brought into it. */
class Session {
  #key; // of what the tab remembers of it
  #id = null;
  #setupsDone = new Set();
  #filesSent = new Set();
  #outputsOfOthers = false; // whether cells show what an earlier kernel computed, and nobody has been told
  #underWay = new Set(); // runs, the oldest first
  #turn = Promise.resolve();

  /** `key`: of a kernel that linked cells share, which the tab finds again after a reload; null for one that nobody shares. */
  constructor(key, server) {
    this.kept = key !== null;
    this.server = server;
    this.files = new Map(); // name → CellFile, of all runs in this kernel
    if (this.kept) this.#recall(`${PREFIX}${location.pathname}${location.search}#${key}`);
  }

  /** Whether a run has to wait for an earlier one in the same kernel. */
  isBehind(run) {
    const [oldest] = this.#underWay;
    return this.kept && oldest !== undefined && oldest !== run;
  }

  /** The id of the kernel that linked cells share, null before the first of them has run. */
  get id() {
    return this.#id;
  }

  /**
   * Run a submission, after the author's hidden setup code where that has not run in this kernel yet.
   * Resolves with the last state. Raises Refused. `notice(sentence)` tells the reader that the kernel is a new one.
   */
  async run(run, setup, submission, notice) {
    if (!this.kept) {
      if (!setup) return run.start(submission);
      this.#forget();
    }
    this.#underWay.add(run);
    // Only one cell at a time may start the kernel that they share; afterwards the server keeps the order.
    const earlier = this.#turn;
    let letOthers;
    this.#turn = new Promise((resolve) => (letOthers = resolve));
    await earlier;
    const start = async () => {
      if (setup && !this.#setupsDone.has(setup)) await this.#runSetup(run, setup, submission);
      const files = submission.files?.filter((file) => !this.#filesSent.has(file));
      return run.start({ ...this.#place(), ...submission, files, keep: this.kept || submission.keep }, ({ session }) => {
        if (this.kept) this.#keep(session, files);
        letOthers();
      });
    };
    try {
      if (!this.#id && this.#outputsOfOthers) notice(say("session_new"));
      return await start();
    } catch (error) {
      if (!(error instanceof Refused) || !this.#id || ![404, 409, 410].includes(error.status)) throw error;
      this.#forget();
      for (const [name, { blob }] of this.files) if (!blob) this.files.delete(name); // those attached go along once more
      notice(say("session_new"));
      return await start();
    } finally {
      letOthers();
      this.#underWay.delete(run);
    }
  }

  /** Follow a computation that the page remembers; it may have run in an earlier kernel than this one. */
  async resume(run, computation) {
    this.#underWay.add(run);
    try {
      return await run.resume(computation, ({ session }) => {
        if (this.kept && session !== this.#id) this.#outputsOfOthers = true;
      });
    } finally {
      this.#underWay.delete(run);
    }
  }

  #place() {
    return this.#id && { session: this.#id };
  }

  #keep(id, files = []) {
    this.#id = id;
    this.#outputsOfOthers = false;
    for (const file of files) this.#filesSent.add(file);
    this.#remember();
  }

  #forget() {
    this.#id = null;
    this.#setupsDone.clear();
    this.#filesSent.clear();
  }

  /** Run the hidden code; of its output only an error is shown, and its files may be. */
  async #runSetup(run, code, { language, scheme }) {
    const hidden = run.preliminary((message) => {
      if (message.header.msg_type === "error") run.show(message);
      const announced = message.content?.data?.[FILES_TYPE] ?? {};
      for (const file of readFiles(announced, this.server)) this.files.set(file.name, file);
    });
    const fields = { ...this.#place(), code, language, scheme, keep: true, stdin: false };
    await hidden.start(fields, ({ session }) => (this.#id = session));
    this.#setupsDone.add(code);
    this.#remember();
  }

  /** Have the tab remember which kernel this is: over a reload, but not in another tab, whose cells have a kernel of their own. */
  #remember() {
    if (!this.kept) return;
    try {
      sessionStorage.setItem(this.#key, JSON.stringify({ id: this.#id, setups: [...this.#setupsDone] }));
    } catch {
      // Full, or forbidden: after a reload the kernel is a new one, and the reader is told.
    }
  }

  #recall(key) {
    this.#key = key;
    try {
      const { id, setups } = JSON.parse(sessionStorage.getItem(key)) ?? {};
      if (typeof id !== "string" || !Array.isArray(setups)) return;
      this.#id = id;
      this.#setupsDone = new Set(setups);
    } catch {
      // No storage in this page (a sandbox, a strict browser), or not ours.
    }
  }
}
