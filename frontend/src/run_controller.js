/** Leads one run of a cell, from pressing Run, or from what the page remembers, to its end. */
import { Refused, ServerAway } from "./api.js";
import { closing } from "./endings.js";
import { Question } from "./question.js";
import { busySentence, sentenceOf } from "./refusals.js";
import { Run } from "./run.js";
import { CellFile, RunFiles } from "./run_files.js";
import { say } from "./texts.js";

const KILL_OFFERED_S = 2; // after Stop, when the code does not stop
const SHORTEST_SHOWN_S = 0.05;

/** One run as the student sees it: what the bar says, what the output shows, and what Stop does meanwhile. */
export class RunController {
  #api;
  #view;
  #output;
  #on;
  #run;
  #session = null;
  #position = null; // in the queue, as far as the server has said
  #question = null;
  #since = null; // performance.now() when the code began
  #stopping = null; // null, "once", "again"
  #hadError = null; // its name
  #isNew = true; // and not one that the page remembers
  #over;
  #finish;

  /** Jupyter messages, in order. */
  messages = [];
  isUnderWay = true;
  wasLeft = false;

  /** `on`: submitted(id), state(state), away(), tell(event type, detail), over(), again(), isAtWork(), write(code). */
  constructor(api, view, output, on) {
    this.#api = api;
    this.#view = view;
    this.#output = output;
    this.#on = on;
    this.#over = new Promise((resolve) => (this.#finish = resolve));
    this.#run = new Run(api, {
      submitted: (answer) => this.#submitted(answer),
      message: (message) => this.#take(message),
      state: (state) => this.#moved(state),
      queue: (position) => this.#show((this.#position = position)),
      waits: () => this.#show(),
      away: (refusal) => {
        view.showBusy(refusal ? busySentence(refusal) : say(navigator.onLine ? "away" : "offline"));
        if (!refusal) on.away();
      },
      back: () => this.#show(),
    });
  }

  get id() {
    return this.#run.id;
  }

  get session() {
    return this.#run.session;
  }

  /**
   * Run a submission in a session, after the author's hidden setup code and with what is attached, or go on with a
   * computation that the page remembers. Resolves with the last state, or with "forgotten" when the server has none.
   */
  async run({ session, setup, submission, attachments, computation }) {
    this.#session = session;
    const kept = session.kept || submission?.keep;
    this.#output.expectControls(() => ({ api: this.#api, session: this.session, isShared: session.kept, again: this.#on.again }));
    this.#output.files = new RunFiles(session.files);
    this.#isNew = !computation;
    this.#show();
    if (attachments?.pending) await attachments.pending;
    const files = attachments?.files ?? [];
    for (const file of files) this.#output.files.add(new CellFile({ name: file.name, type: file.type, size: file.size, blob: file }));
    try {
      const ending = computation
        ? session.resume(this.#run, computation)
        : session.run(this.#run, setup, { ...submission, files }, (sentence) => this.#output.notice(sentence));
      const state = (await ending) ?? "idle";
      await this.#output.ready;
      if (this.wasLeft) return state;
      this.#end(state);
      this.#output.controls?.settle({ kept, isNew: this.#isNew, id: this.id, state, reason: this.#run.reason });
      return state;
    } catch (error) {
      if (!this.isUnderWay) return "idle"; // nobody is there any more to be told
      if (error instanceof Refused) {
        this.#refused(error);
        return error.status === 404 ? "forgotten" : "failed";
      }
      console.error(error);
      this.#end("failed");
      return "failed";
    }
  }

  /** Interrupt the code; a second call ends it at once. Resolves when the run is over. */
  async stop() {
    const { id, state, isSubmitting } = this.#run;
    const before = this.#stopping;
    this.#stopping = before ? "again" : "once";
    this.#show();
    if (!id) {
      // On its way, the code will run whether or not anybody listens: it is ended as soon as it has an id.
      if (!isSubmitting || before) this.#run.leave();
      return this.#over;
    }
    // A double click is no wish to end the program at once.
    setTimeout(() => this.#offerToKill(), KILL_OFFERED_S * 1000);
    try {
      if (before || state === "queued") await this.#api.cancel(id);
      else await this.#api.interrupt(id);
    } catch (error) {
      if (error instanceof ServerAway) {
        this.#stopping = before;
        this.#show();
      } else if (!(error instanceof Refused)) throw error; // refused: it was over before
    }
    return this.#over;
  }

  /** Stop listening, because the cell has left the page; the computation itself goes on. */
  leave() {
    if (!this.isUnderWay) return;
    this.wasLeft = true;
    this.#run.leave();
    this.#output.controls = null; // their session goes on, too
    this.#end("idle");
  }

  #submitted({ id, state, started }) {
    this.#on.submitted(id);
    if (this.#stopping) this.#api.cancel(id).catch((error) => error instanceof Refused || console.error(error));
    // After a reload the clock goes on from where it was.
    if (state === "running" && started) this.#since = performance.now() - Math.max(0, Date.now() - Date.parse(started));
  }

  #take(message) {
    this.messages.push(message);
    const { msg_type } = message.header;
    if (msg_type === "input_request") this.#ask(message.content);
    else if (this.#question && msg_type !== "status") {
      this.#closeQuestion();
      this.#show();
    }
    if (msg_type === "error") this.#hadError = message.content.ename;
    if (msg_type === "execute_reply" && this.#isNew) this.#takeCode(message.content.payload);
    try {
      this.#output.take(message);
    } catch (error) {
      console.error(error); // a message that is no Jupyter message must not end the conversation
    }
    this.#on.tell("message", { message });
    if (msg_type === "error") this.#on.tell("error", { ...message.content });
  }

  /** Put code that the program has for the editor there: `%load`. */
  #takeCode(payload) {
    for (const { source, text, replace } of Array.isArray(payload) ? payload : []) {
      if (source === "set_next_input" && replace) this.#on.write(String(text));
    }
  }

  #ask({ prompt, password }) {
    this.#closeQuestion();
    this.#question = new Question(String(prompt ?? ""), password === true, (value) => this.#api.answer(this.#run.id, value));
    this.#output.add(this.#question.node);
    this.#view.showBusy(say("asking"));
    // Only a student who is at work here is taken to the question.
    if (this.#on.isAtWork()) this.#question.focus();
  }

  /** Put the answer in the question's place; who was in its field stays in the cell. */
  #closeQuestion() {
    if (this.#question?.close()) this.#view.runButton.focus();
    this.#question = null;
  }

  #moved(state) {
    if (state === "running") this.#since ??= performance.now();
    this.#on.state(state);
    this.#show();
  }

  /** Show what the run is doing now. */
  #show() {
    if (!this.isUnderWay) return;
    const { state } = this.#run;
    const since = this.#since;
    if ((!state || state === "queued") && !this.#stopping) this.#view.showBusy(this.#waiting());
    else if (this.#stopping) this.#view.showBusy(say("stopping"), { since, stopping: this.#stopping });
    else if (this.#question) this.#view.showBusy(say("asking"));
    else if (state === "running") this.#view.showBusy(say("running"), { since });
  }

  /** Return what a run that does not run yet waits for. */
  #waiting() {
    const { isSubmitting, isProving, isPreparing, state } = this.#run;
    if (isProving) return say("proof");
    if (isSubmitting) return say("sending");
    if (isPreparing) return say("preparing");
    if (!this.#isNew && !state) return say("fetching");
    if (this.#session.isBehind(this.#run)) return say("behind");
    if (state !== "queued") return say("sending");
    return this.#position > 1 ? say("queue_place", { position: this.#position }) : say("queued");
  }

  #offerToKill() {
    if (!this.isUnderWay || !this.#stopping) return;
    this.#stopping = "again";
    this.#show();
  }

  #end(state) {
    const elapsed_s = this.#since === null ? 0 : (performance.now() - this.#since) / 1000;
    const about = { hadError: this.#hadError, stopping: this.#stopping, reason: this.#run.reason };
    const { sentence, bad } = closing(state, about);
    this.#close(state, state, sentence, { bad, seconds: state === "done" && elapsed_s > SHORTEST_SHOWN_S ? elapsed_s : null });
  }

  #refused(refusal) {
    const forgotten = refusal.status === 404 && this.#run.id;
    this.#close("idle", "failed", forgotten ? say("forgotten") : sentenceOf(refusal), { bad: !forgotten });
  }

  /** Be over: the cell is in `shown`, the page hears of `state`. */
  #close(shown, state, sentence, how) {
    this.isUnderWay = false;
    this.#closeQuestion();
    this.#output.settle();
    this.#on.state(shown);
    this.#view.showIdle(sentence, how);
    // What a page finds again when it is opened would be too much to hear.
    if (this.#isNew) this.#output.announce(this.#view);
    this.#on.over();
    this.#on.tell("done", { state, id: this.#run.id });
    this.#finish();
  }
}
