/** Whether the numbers beside sliders are too long for their places: looked at together, for each look alone has all laid out again. */
import { BaseIntSliderView } from "@jupyter-widgets/controls";

const waiting = new Set(); // views

export function measureReadouts() {
  const view = BaseIntSliderView.prototype;
  const overflows = view.readout_overflow;
  view.readout_overflow = function wait() {
    if (!waiting.size) requestAnimationFrame(() => measure(overflows));
    waiting.add(this);
    return this.readout.classList.contains("overflow");
  };
}

function measure(overflows) {
  const found = [...waiting].map((view) => [view.readout, overflows.call(view)]);
  waiting.clear();
  for (const [readout, isLong] of found) readout.classList.toggle("overflow", isLong);
}
