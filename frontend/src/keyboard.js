/** On-screen keyboards cover the lower part of a page: Run stays above them, and so do the characters that they hide. */
import { make } from "./dom.js";
import { say } from "./texts.js";

const CHARACTERS = ["Tab", "(", ")", "[", "]", "{", "}", ":", "=", "'", '"', "#"];

/** Fill a row with the characters of code; styles show it where fingers type, while they do. */
export function offerCharacters(row, editor) {
  const keep = (event) => event.preventDefault(); // the focus, and with it the keyboard
  const key = (character) => {
    const isTab = character === "Tab";
    return make("button", {
      type: "button", tabindex: -1, "aria-label": isTab ? say("key_tab") : null,
      onpointerdown: keep, onmousedown: keep,
      onclick: () => editor.type(character),
    }, isTab ? "⇥" : character);
  };
  row.append(...CHARACTERS.map(key));
}

export function keepAboveKeyboard(field, bar) {
  const { visualViewport } = globalThis;
  if (!visualViewport) return;
  const events = ["resize", "scroll"];
  const leave = () => {
    for (const name of events) visualViewport.removeEventListener(name, place);
  };
  const place = () => {
    if (!field.isConnected) return leave(); // taken out of the page, a field is not told that it lost the focus
    const covered_px = Math.max(0, innerHeight - visualViewport.height - visualViewport.offsetTop);
    bar.style.setProperty("--covered", `${Math.round(covered_px)}px`);
  };
  field.addEventListener("focus", () => {
    place();
    for (const name of events) visualViewport.addEventListener(name, place);
  });
  field.addEventListener("blur", leave);
}
