/** Whether the page around is light or dark, now and later. */

const root = document.documentElement;
const paints = [];

export function isDark() {
  return root.classList.contains("dark");
}

/** Call back with each later `dark`. A chart whose author chose its paper keeps it. */
export function onScheme(paint) {
  paints.push(paint);
}

addEventListener("message", ({ source, data }) => {
  if (source !== parent || typeof data?.scheme !== "string" || root.classList.contains("paper")) return;
  const dark = data.scheme === "dark";
  if (dark === isDark()) return;
  root.classList.toggle("dark", dark);
  root.classList.toggle("light", !dark);
  for (const paint of paints) paint(dark);
});
