/** How high an output is. */
import { tell } from "./tell.js";

const GROWTHS_MAX = 6;

let told = -1;
let growths = 0; // in a row, each after we were given the height asked for: the output grows with its frame

export function tellHeight() {
  const { body, documentElement: root } = document;
  // An author who hides what is below the window's edge draws for the window, whatever its height.
  if (!body || (root.classList.contains("whole") && getComputedStyle(body).overflowY === "hidden")) return;
  const scrollbar = innerHeight - root.clientHeight;
  const height = Math.ceil(Math.max(root.getBoundingClientRect().height, body.scrollHeight) + scrollbar);
  if (height === told) return;
  growths = height > told && Math.abs(innerHeight - told) <= 1 ? growths + 1 : 0;
  if (growths > GROWTHS_MAX) return;
  told = height;
  tell({ height });
}
