/** Play: for readers who want less motion it does not begin by itself, and its steps are slow. */
import { PlayModel as Base } from "@jupyter-widgets/controls";

const STEP_MS_MIN = 1000;
const wantsLess = matchMedia("(prefers-reduced-motion: reduce)");

export class PlayModel extends Base {
  initialize(attributes, options) {
    super.initialize(attributes, options);
    if (wantsLess.matches && this.get("playing")) this.set("playing", false);
  }

  /** What the kernel sets; its echo of what a reader has pressed changes nothing. */
  set_state(state) {
    if (wantsLess.matches && state.playing && !this.get("playing")) delete state.playing;
    super.set_state(state);
  }

  schedule_next() {
    const interval = this.get("interval");
    this._timerId = setTimeout(() => this.loop(), wantsLess.matches ? Math.max(interval, STEP_MS_MIN) : interval);
  }
}
