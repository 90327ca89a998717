/** Lets the page draw and be moved while thousands of controls are made. */

const AT_ONCE = 500; // fewer would have the page drawn more often than is worth it

let count = 0;
let turn = Promise.resolve();

/** Return a promise that resolves at once for a few, and of many for so many at a time: between them the page has a turn. */
export function breath() {
  count += 1;
  if (count % AT_ONCE === 0) turn = turn.then(() => new Promise((resolve) => setTimeout(resolve)));
  return turn;
}
