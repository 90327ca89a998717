/**
 * Controls that stand in other elements of the page than the cell, where its author allows that with the attribute `locations`.
 * What moves there is the frame, as closed as in the cell: the kernel says only at which element of the page it stands.
 */

// No element whose text or press belongs to somebody else, and none of a cell.
const NEVER = "single-cell, head, script, style, template, textarea, select, button, a, label, [contenteditable]";

/** Return the first element of the page that a selector names and that is within those of `allowed`, null where there is none. */
export function elementFor(untrusted_selector, allowed) {
  if (typeof untrusted_selector !== "string" || allowed === null || allowed === undefined) return null;
  try {
    const found = [...document.querySelectorAll(untrusted_selector)];
    return found.find((one) => one.closest(allowed || "*") && !one.closest(NEVER)) ?? null;
  } catch {
    return null; // no selector
  }
}

/** A node that stands in an element of the page as long as its mark is in the cell's output, and looks as it would there. */
export class Elsewhere {
  #home;
  #observers = [];
  #wasMarked = false;

  /** `output`: the Output that would have it; `painted(scheme)` is told when the cell becomes light or dark. */
  constructor(element, node, output, { ended, painted }) {
    this.mark = document.createComment("stands elsewhere");
    this.host = document.createElement("div");
    this.#home = output.node.getRootNode();
    const root = this.host.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = this.#home.adoptedStyleSheets;
    this.cell = document.createElement("div");
    this.cell.className = "cell outside";
    this.cell.append(node);
    root.append(this.cell);
    element.append(this.host);
    this.ended = ended;
    this.#follow(painted);
  }

  #follow(painted) {
    const cell = this.#home.querySelector?.(".cell");
    if (!cell) return;
    const paint = () => {
      const isDark = cell.classList.contains("dark");
      this.cell.classList.toggle("dark", isDark);
      painted(isDark ? "dark" : "light");
    };
    paint();
    this.#watch(paint, cell, { attributes: true, attributeFilter: ["class"] });
    this.#watch(() => this.look(), cell, { childList: true, subtree: true });
  }

  #watch(look, node, what) {
    const observer = new MutationObserver(look);
    observer.observe(node, what);
    this.#observers.push(observer);
  }

  /** Go, if the output that has the mark went. */
  look() {
    if (this.mark.isConnected) this.#wasMarked = true;
    else if (this.#wasMarked) this.end();
  }

  end() {
    for (const observer of this.#observers.splice(0)) observer.disconnect();
    this.host.remove();
    this.ended();
  }
}
