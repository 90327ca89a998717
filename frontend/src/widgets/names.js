/** Gives controls the names that Jupyter's packages leave out, for those who hear a page. */

const SIGNS = { "fa-play": "play", "fa-pause": "pause", "fa-stop": "stop", "fa-retweet": "repeat" };

const changed = new Set(); // elements within which something may want a name

/** Name what has no name in the document, now and when it changes. Of thousands of controls only those are looked at that did. */
export function nameControls() {
  new MutationObserver((records) => {
    if (!changed.size) setTimeout(nameChanged);
    for (const { type, target, addedNodes } of records) {
      if (type !== "childList" || !target.matches(".widget-box, body, #controls")) changed.add(controlOf(target));
      for (const node of addedNodes) changed.add(controlOf(node));
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["class"] });
  nameWithin(document.body);
}

function nameChanged() {
  const all = [...changed];
  changed.clear();
  for (const node of all) if (node?.isConnected) nameWithin(node);
}

/** Return the control that a node belongs to; of what is in a box and no control, the node. */
function controlOf(node) {
  const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
  return element?.closest(".jupyter-widgets:not(.widget-box)") ?? element;
}

function nameWithin(place) {
  const all = (selector) => [...(place.matches(selector) ? [place] : []), ...place.querySelectorAll(selector)];
  for (const handle of all(".noUi-handle")) nameAs(handle, labelOf(handle) + endOf(handle));
  for (const input of all('input[type="color"]')) nameAs(input, labelOf(input));
  for (const picture of all("img.widget-image:not([alt])")) picture.alt = picture.title || document.title;
  // A formula is there twice, for eyes and for others.
  for (const label of all(".widget-label:has(.katex)")) {
    const field = document.getElementById(label.htmlFor);
    if (field) nameAs(field, textOf(label));
  }
  for (const header of all(".jupyter-widget-Collapse-header")) makeButton(header);
  for (const sign of all("button > i.fa:only-child")) nameBySign(sign.parentElement, [...sign.classList].findLast((name) => /^fa-(?!fw$)/.test(name)));
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
