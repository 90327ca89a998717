/** The parts of a cell that stand in the page's own tree, under SageMathCell's class names, for pages to style. */
import { make, sheet } from "../dom.js";
import { offerLanguages } from "../languages.js";
import { say, whenSpoken } from "../texts.js";

// In a layer, so that whatever a page says of these classes is stronger; what is hidden is not for pages to show, and
// an important rule in a layer is stronger than those outside.
const LOOKS = sheet(`@layer singlecell {
  .sagecell_language select, .sagecell_permalink button {
    font: 400 14px/1.5 system-ui, sans-serif; min-height: 32px; padding: 0 8px; border: 1px solid #8888; border-radius: 6px;
    background: none; color: inherit;
  }
  .sagecell_language select { max-width: 10em; field-sizing: content }
  .sagecell_permalink button { cursor: pointer }
  .sagecell_input[hidden], .sagecell_commands[hidden] { display: none !important }
}`);

/** Give the parts their looks, once for the page. */
export function dress() {
  if (!document.adoptedStyleSheets.includes(LOOKS)) document.adoptedStyleSheets.push(LOOKS);
}

export function wrap(className, ...children) {
  return make("div", { class: className }, ...children);
}

export function evalButton(cell, label, shown, press) {
  const button = make("button", { type: "button", slot: "run", class: "sagecell_evalButton", hidden: !shown, onclick: press }, label);
  cell.addEventListener("run", () => (button.textContent = say("stop")));
  cell.addEventListener("done", () => (button.textContent = label));
  return button;
}

/** The button stands inside the cell; scripts look for it where SageMathCell has it, as the second child of the input. */
export function pressable(press) {
  return make("span", { hidden: true, onclick: press });
}

export function languageMenu(cell, languages, shown) {
  const select = make("select", { onchange: () => (cell.language = select.value) });
  whenSpoken(() => select.setAttribute("aria-label", say("language")));
  offerLanguages(select, languages, cell);
  return make("div", { slot: "tools", class: "sagecell_language", hidden: !shown }, select);
}

export function permalinkButton(cell, shown) {
  const button = make("button", { type: "button", onclick: () => cell.share() });
  whenSpoken(() => (button.textContent = say("share")));
  return make("div", { slot: "tools", class: "sagecell_permalink", hidden: !shown }, button);
}
