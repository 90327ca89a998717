/** `/cell` in a frame: tells the page around it, by message, how high it is, so that nothing of the cell is cut off. */

const DIALOG_MARGIN_PX = 48; // around a dialog, which stands in the middle of the frame

export function tellHeight(main) {
  document.documentElement.classList.add("in-frame");
  let told = 0;
  const tell = () => {
    const height = Math.ceil(heightOf(main));
    if (height === told) return;
    told = height;
    // Systems for courses (Canvas, Sakai, PreTeXt, MyOpenMath) know a message by its subject, our own lines by its type.
    parent.postMessage({ type: "single-cell", height, subject: "lti.frameResize" }, "*");
  };
  new ResizeObserver(tell).observe(main);
  customElements.whenDefined("single-cell").then(() => {
    // Suggestions and dialogs come and go as children of the cell's outermost node.
    const cell = main.querySelector("single-cell")?.shadowRoot.querySelector(".cell");
    if (cell) new MutationObserver(tell).observe(cell, { childList: true });
  });
}

/** Return the height of the page with what hangs over its end, whatever the frame's own height is. */
function heightOf(main) {
  const above = main.getBoundingClientRect().top;
  const shadow = main.querySelector("single-cell")?.shadowRoot;
  const popups = [...(shadow?.querySelectorAll(".popup") ?? [])].map((popup) => popup.getBoundingClientRect().bottom - above);
  const dialogs = [...(shadow?.querySelectorAll("dialog[open]") ?? [])].map((dialog) => dialog.scrollHeight + DIALOG_MARGIN_PX);
  return Math.max(main.offsetHeight, ...popups, ...dialogs);
}
