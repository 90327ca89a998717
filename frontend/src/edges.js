/** Boxes that scroll sideways show at which sides there is more: phones show no scrollbar before a finger moves. */

const sizes = new ResizeObserver((entries) => {
  for (const { target } of entries) mark(target.isConnected && boxes.has(target) ? target : target.parentElement);
});
const boxes = new WeakSet();

/** Keep the classes `more-before` and `more-after` of a box true. `scroller`: what hears that it scrolls. */
export function showEdges(box, scroller = box) {
  boxes.add(box);
  scroller.addEventListener("scroll", () => mark(box), { passive: true });
  sizes.observe(box);
  if (box.firstElementChild) sizes.observe(box.firstElementChild);
}

function mark(box) {
  if (!box || !boxes.has(box)) return;
  const most = box.scrollWidth - box.clientWidth;
  const at = Math.abs(box.scrollLeft); // from right to left it is negative
  box.classList.toggle("more-before", most > 1 && at > 1);
  box.classList.toggle("more-after", most > 1 && at < most - 1);
}
