/**
 * Keys typed in a cell belong to the cell. Pages see <single-cell> as the place that is typed into, think that nobody
 * types, and take letters for shortcuts of theirs. So the window stops such a key on its way down, before the page's
 * handlers, and the cell gets a copy that never leaves its shadow tree. What browsers do with a key is not touched.
 */

const TYPES = ["keydown", "keypress", "keyup"];
const PRESSES = ["Enter", " "]; // the only keys that buttons and menus themselves use
const COPIED = [
  "key", "code", "location", "repeat", "isComposing", "ctrlKey", "shiftKey", "altKey", "metaKey", "keyCode", "charCode", "which",
];

const roots = new WeakSet(); // shadow trees that hold parts of a cell
const held = new Set(); // codes of keys that went down in a cell; they may come up elsewhere, as Tab does

/** Keep the keys that are typed inside a shadow tree. */
export function keepKeys(root) {
  if (roots.has(root)) return;
  roots.add(root);
  // Below a closed tree of the page's own the window does not see who is typed to.
  for (const type of TYPES) root.addEventListener(type, (event) => isOurs(event) && event.stopPropagation());
}

/** Whether a node takes all that is typed. */
export function isTypedInto(node) {
  return Boolean(node?.matches("textarea, input, select, dialog, dialog *, [role=menu] *"));
}

function isOurs(event) {
  const [target] = event.composedPath();
  return roots.has(target.getRootNode?.()) && (isTypedInto(target) || PRESSES.includes(event.key));
}

function keep(event) {
  const wasHeld = event.type === "keyup" && held.delete(event.code);
  if (!isOurs(event) && !wasHeld) return;
  event.stopImmediatePropagation();
  if (event.type !== "keydown") return; // nothing in a cell listens to the others
  held.add(event.code);
  const about = { bubbles: true, cancelable: true, composed: false };
  for (const name of COPIED) about[name] = event[name];
  if (!event.composedPath()[0].dispatchEvent(new KeyboardEvent("keydown", about))) event.preventDefault();
}

for (const type of TYPES) addEventListener(type, keep, { capture: true });
