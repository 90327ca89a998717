/** Gives controls the names that Jupyter's packages leave out, for those who hear a page. */

const SIGNS = { "fa-play": "play", "fa-pause": "pause", "fa-stop": "stop", "fa-retweet": "repeat" };

/** Name what has no name in the document, now and when it changes. */
export function nameControls() {
  const names = () => {
    for (const handle of document.querySelectorAll(".noUi-handle")) nameAs(handle, labelOf(handle) + endOf(handle));
    for (const input of document.querySelectorAll('input[type="color"]')) nameAs(input, labelOf(input));
    // A formula is there twice, for eyes and for others.
    for (const label of document.querySelectorAll(".widget-label:has(.katex)")) {
      const field = document.getElementById(label.htmlFor);
      if (field) nameAs(field, textOf(label));
    }
    for (const header of document.querySelectorAll(".jupyter-widget-Collapse-header")) makeButton(header);
    for (const sign of document.querySelectorAll("button > i.fa:only-child")) nameBySign(sign.parentElement, [...sign.classList].findLast((name) => /^fa-(?!fw$)/.test(name)));
  };
  new MutationObserver(names).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["class"] });
  names();
}

/** A fold of an accordion listens to a pointer alone. */
function makeButton(header) {
  const isOpen = String(header.parentElement.classList.contains("jupyter-widget-Collapse-open"));
  if (header.getAttribute("aria-expanded") !== isOpen) header.setAttribute("aria-expanded", isOpen);
  if (header.getAttribute("role") === "button") return;
  header.setAttribute("role", "button");
  header.tabIndex = 0;
  header.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    header.click();
  });
}

function nameBySign(button, sign) {
  if (button.textContent.trim() || button.title) button.removeAttribute("aria-label");
  else nameAs(button, SIGNS[sign] ?? String(sign).replace("fa-", ""));
}

function nameAs(node, name) {
  if (node.getAttribute("aria-label") !== name) node.setAttribute("aria-label", name);
}

/** Return the label of the control that a node belongs to, else the name of the document. */
function labelOf(node) {
  // A slider over a list of values has no class of its own.
  const label = node.closest(":has(> .widget-label)")?.querySelector(".widget-label");
  return (label && textOf(label)) || label?.title || document.title;
}

/** Of a formula, as its author wrote it. */
function textOf(label) {
  const parts = [...label.childNodes].map((node) => node.querySelector?.("annotation")?.textContent ?? node.textContent);
  return parts.join("").trim();
}

/** Of a range, which end. */
function endOf(handle) {
  const isRange = handle.closest(".noUi-base").querySelectorAll(".noUi-handle").length > 1;
  return isRange ? (handle.dataset.handle === "0" ? " ≥" : " ≤") : "";
}
