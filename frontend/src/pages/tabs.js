/** The examples of each language, a tab for each that the server can run, now or soon; one alone needs none. */
import { Api } from "../api.js";

export async function openTabs(list) {
  const all = [...list.children];
  const panels = new Map(all.map((tab) => [tab, document.getElementById(tab.getAttribute("aria-controls"))]));
  const { languages } = await new Api(new URL(".", location.href).href).languages().catch(() => ({ languages: [] }));
  const runs = (name) => languages.some((one) => one.name === name && (one.available || one.expected));
  const tabs = all.filter((tab) => runs(panels.get(tab).dataset.language));
  if (tabs.length < 2) return;

  const choose = (chosen) => {
    for (const [tab, panel] of panels) {
      tab.setAttribute("aria-selected", tab === chosen);
      tab.tabIndex = tab === chosen ? 0 : -1;
      panel.hidden = tab !== chosen;
    }
  };
  for (const [tab, panel] of panels) {
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => choose(tab));
  }
  list.addEventListener("keydown", ({ key }) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
    if (!step) return;
    const next = tabs.at((tabs.indexOf(document.activeElement) + step) % tabs.length);
    choose(next);
    next.focus();
  });
  for (const tab of tabs) tab.hidden = false;
  list.hidden = false;
  choose(tabs.find((tab) => !panels.get(tab).hidden) ?? tabs[0]);
}
