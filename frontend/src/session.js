/** Decides which kernel a cell's code runs in: one of its own for each run, or one that linked cells share. */
import { Refused } from "./api.js";
import { FILES_TYPE, readFiles } from "./mime/files.js";
import { say } from "./texts.js";

const shared = new Map(); // server, language and link key → Session

export function isLinked(element) {
  return element.hasAttribute("linked") || element.hasAttribute("link-key");
}

/** Return the session of an element; linked cells with the same key, language and server get the same one. */
export function sessionOf(element) {
  if (!isLinked(element)) return new Session(false, element.server);
  const key = JSON.stringify([element.server, element.language, element.getAttribute("link-key") ?? ""]);
  if (!shared.has(key)) shared.set(key, new Session(true, element.server));
  return shared.get(key);
}

/** A kernel on the server, as far as the page knows it: its id, and which setup code has run in it. */
class Session {
  #id = null;
  #setupsDone = new Set();
  #turn = Promise.resolve();

  constructor(kept, server) {
    this.kept = kept;
    this.server = server;
    this.files = new Map(); // name → CellFile, of all runs in this kernel
  }

  /** The id of the kernel that linked cells share, null before the first of them has run. */
  get id() {
    return this.#id;
  }

  /**
   * Run a submission, after the author's hidden setup code where that has not run in this kernel yet.
   * Resolves with the last state. Raises Refused. `notice(sentence)` tells the student that the kernel is a new one.
   */
  async run(run, setup, submission, notice) {
    if (!this.kept) {
      if (!setup) return run.start(submission);
      this.#forget();
    }
    // Only one cell at a time may start the kernel that they share; afterwards the server keeps the order.
    const earlier = this.#turn;
    let letOthers;
    this.#turn = new Promise((resolve) => (letOthers = resolve));
    await earlier;
    const start = async () => {
      if (setup && !this.#setupsDone.has(setup)) await this.#runSetup(run, setup, submission);
      return run.start({ ...this.#place(), ...submission, keep: this.kept || submission.keep }, ({ session }) => {
        if (this.kept) this.#id = session;
        letOthers();
      });
    };
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof Refused) || !this.#id || ![404, 409, 410].includes(error.status)) throw error;
      this.#forget();
      this.files.clear();
      notice(say("session_new"));
      return await start();
    } finally {
      letOthers();
    }
  }

  #place() {
    return this.#id && { session: this.#id };
  }

  #forget() {
    this.#id = null;
    this.#setupsDone.clear();
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
  }
}
