/** On-screen keyboards cover the lower part of a page: the bar with Run stays above them while code is typed. */

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
