/** Long work in slices, with a frame between them: a flood of messages must not keep the page from hearing a click. */

const SLICE_MS = 12; // a frame has 16
const FRAME_MS_MAX = 100; // a page that is hidden draws none

/**
 * Do something with each item, in order, until the signal comes. What that leaves for later (promises that are kept
 * already) is part of its slice.
 */
export async function inSlices(items, work, signal) {
  let since = performance.now();
  for (const item of items) {
    work(item);
    if (items.length === 1) return;
    await null;
    if (performance.now() - since < SLICE_MS) continue;
    await frame();
    if (signal.aborted) return;
    since = performance.now();
  }
}

const line = [];
let isAtWork = false;

/** Do something in a slice, after what stands in line: what waited for a part is all there at once. Resolves with its result. */
export function inTurn(work) {
  return new Promise((resolve, reject) => {
    line.push(() => new Promise((done) => done(work())).then(resolve, reject));
    if (!isAtWork) workOff();
  });
}

async function workOff() {
  isAtWork = true;
  for (let since = performance.now(); line.length; ) {
    line.shift()();
    if (performance.now() - since < SLICE_MS && line.length) continue;
    await frame();
    since = performance.now();
  }
  isAtWork = false;
}

/** Wait until the page has been drawn. */
function frame() {
  return new Promise((resolve) => {
    const done = () => (clearTimeout(timer), resolve());
    const timer = setTimeout(done, FRAME_MS_MAX);
    requestAnimationFrame(() => setTimeout(done)); // the frame itself comes before that
  });
}
