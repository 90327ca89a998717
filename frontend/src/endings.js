/** What the status line says when a run is over. */
import { knows, say } from "./texts.js";

/** Return {sentence, bad} for the last state of a run. */
export function closing(state, run) {
  if (run.hadError === "KeyboardInterrupt" && run.stopping) return { sentence: say("interrupted"), bad: false };
  if (run.reason && state !== "done") {
    const key = run.reason === "output" ? "output_limit" : run.reason;
    return { sentence: say(knows(key) ? key : state), bad: state !== "cancelled" };
  }
  if (state === "done" && run.hadError) return { sentence: say("done_error"), bad: true };
  if (state === "idle") return { sentence: "", bad: false };
  return { sentence: say(state), bad: state === "failed" || state === "lost" };
}
