/**
 * `/`: examples to choose from, and the links that carry code: ?c=, ?z= (zlib, URL-safe base64), ?q= (kept here), with
 * code that runs first, ?setup= or ?zsetup=; ?lang= alone shows a language.
 */
import { Api } from "../api.js";
import { languageOfLinks } from "../languages.js";
import { openTabs } from "./tabs.js";

export async function openLink(cell) {
  for (const button of document.querySelectorAll("button.example")) {
    const { language } = button.closest("[data-language]").dataset;
    button.addEventListener("click", () => show(cell, language, button.nextElementSibling));
  }
  const parameters = new URLSearchParams(location.search);
  const asked = parameters.get("lang");
  const panels = [...document.querySelectorAll(".examples [data-language]")];
  const panel = panels.find((one) => one.dataset.language === asked);
  if (panel) for (const one of panels) one.hidden = one !== panel;
  openTabs(document.querySelector(".examples [role=tablist]"));
  const carriesCode = ["c", "z", "q"].some((name) => parameters.has(name));
  if (!carriesCode && !asked) return;
  // What the link says becomes the author's code of this page: the cell comes to life with it.
  const after = cell.nextSibling;
  const parent = cell.parentNode;
  cell.remove();
  if (!carriesCode) {
    if (asked !== cell.getAttribute("language")) {
      cell.querySelector("pre").textContent = panel?.querySelector("template").content.textContent.trim() ?? "";
      cell.setAttribute("language", asked);
    }
    return parent.insertBefore(cell, after);
  }
  try {
    const { code, setup, language } = await sharedBy(parameters);
    cell.querySelector("pre").textContent = code;
    if (setup) showSetup(cell, setup);
    cell.setAttribute("language", parameters.get("lang") ?? language ?? (await languageOfLinks(new URL(".", location.href).href)));
    cell.toggleAttribute("autorun", parameters.get("autoeval") !== "false");
  } catch (error) {
    document.querySelector("#link-problem").textContent = error.message;
  }
  parent.insertBefore(cell, after);
}

let presses = 0; // of examples: who presses two gets the last

async function show(cell, language, { content }) {
  const press = (presses += 1);
  await customElements.whenDefined("single-cell"); // its script may come after this one
  await cell.stop();
  if (press !== presses) return;
  cell.show(content.textContent.trim(), language);
  cell.run();
}

/** The code runs before the cell's, and who opens the link can read it. */
function showSetup(cell, setup) {
  const hidden = document.createElement("pre");
  hidden.dataset.setup = "";
  hidden.textContent = setup;
  cell.append(hidden);
  const shown = document.querySelector("#link-setup");
  shown.querySelector("pre").textContent = setup;
  shown.hidden = false;
}

/** Return {code, setup, language} of a link; a link that names no language has none. */
async function sharedBy(parameters) {
  const read = async (plain, packed) => parameters.get(plain) ?? (parameters.has(packed) ? inflate(parameters.get(packed)) : null);
  if (!parameters.has("q")) return { code: await read("c", "z"), setup: await read("setup", "zsetup") };
  return new Api(new URL(".", location.href).href).permalinkContent(parameters.get("q"));
}

async function inflate(text) {
  try {
    const bytes = Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return await new Response(stream).text();
  } catch {
    throw new Error("The code in this link is damaged.");
  }
}
