/** Gives a cell the block of code that was written inside it, and that Markdown has put behind it. */

// It is for the author, who reads these pages' documentation in English, too.
const LOST =
  "For the author of this page: the code of this cell was taken apart, perhaps by Markdown. " +
  "Write it as a fenced block of code (docs/recipes.md); a cell that is meant to be empty has a placeholder.";

/**
 * Python-Markdown makes of an element around a fence `<p><single-cell></p><pre>…</pre><p></single-cell></p>`, in which the
 * browser ends the element with its paragraph. Returns a sentence when there is no such block.
 */
export function mend(cell) {
  const paragraph = cell.parentElement;
  const block = paragraph?.localName === "p" && !cell.textContent.trim() ? paragraph.nextElementSibling : null;
  if (!block || !isBlockOfCode(block)) return LOST;
  const end = block.nextElementSibling;
  if (end?.localName === "p" && !end.textContent.trim() && !end.children.length) end.remove();
  cell.append(block); // the cell hears of it and shows its text
  return null;
}

function isBlockOfCode(node) {
  if (node.localName === "pre") return true;
  return node.querySelector("pre") !== null && /highlight|code|language-/i.test(node.className);
}
