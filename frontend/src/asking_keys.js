/** The keys that ask the server about the code: which they are, and how one is kept that is pressed before its part has come. */

/** Return what a key asks for that is pressed in the code of an editor, "complete" or "inspect"; else nothing. */
export function askedBy(event, { code, tabLeaves, textarea }) {
  const { key, ctrlKey, shiftKey } = event;
  const { selectionStart, selectionEnd } = textarea;
  if (event.composedPath()[0] !== textarea || selectionStart !== selectionEnd || event.altKey || event.metaKey) return;
  if (textarea.getAttribute("aria-readonly") === "true") return;
  if (ctrlKey ? key !== " " : key !== "Tab" || tabLeaves) return;
  const before = code.slice(0, selectionStart);
  if (ctrlKey || (!shiftKey && /[\w.]$/.test(before))) return "complete";
  if (shiftKey && /\S[^\n]*$/.test(before)) return "inspect";
}

/** Keep the last such key until the function that is returned is called: then it is pressed again. */
export function keepAskingKeys(cell, editor) {
  const { textarea } = editor;
  const place = () => `${textarea.matches(":focus")} ${textarea.selectionStart} ${editor.code}`;
  let kept, then;
  const keep = (event) => {
    if (!askedBy(event, editor)) return;
    event.preventDefault();
    event.stopPropagation();
    [kept, then] = [event, place()];
  };
  cell.addEventListener("keydown", keep, true);
  return () => {
    cell.removeEventListener("keydown", keep, true);
    // Who has typed on, or gone elsewhere, wants no answer any more.
    if (kept && place() === then) textarea.dispatchEvent(new KeyboardEvent("keydown", kept));
  };
}
