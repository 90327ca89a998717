/** What the status line says when a run is over. */
import { say } from "./texts.js";

/** Return {sentence, bad} for the last state of a run. */
export function closing(state, run) {
  if (run.hadError === "KeyboardInterrupt" && run.stopping) return { sentence: say("interrupted"), bad: false };
  if (run.reason && state !== "done") {
    const key = run.reason === "output" ? "output_limit" : run.reason;
    return { sentence: say(key in KNOWN ? key : state), bad: state !== "cancelled" };
  }
  if (state === "done" && run.hadError) return { sentence: say("done_error"), bad: true };
  if (state === "idle") return { sentence: "", bad: false };
  return { sentence: say(state), bad: state === "failed" || state === "lost" };
}

const KNOWN = {
  time_wall: 1, time_cpu: 1, memory: 1, processes: 1, output_limit: 1, files: 1, kernel_died: 1, session_gone: 1,
  cancelled: 1, lost: 1,
};
