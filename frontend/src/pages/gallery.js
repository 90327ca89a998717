/** `/`: what the server can do, each a cell that comes to life and runs when a reader comes to it. */
import { Api } from "../api.js";

const SEEN = 0.4; // of a card

export async function openGallery(gallery) {
  const { languages } = await new Api(new URL(".", location.href).href).languages().catch(() => ({ languages: [] }));
  const runs = (name) => languages.some((one) => one.name === name && (one.available || one.expected));
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      comeToLife(target);
    }
  }, { threshold: SEEN });
  const subjects = new Set(); // of what there are several, the first that runs here is shown
  for (const card of gallery.querySelectorAll(".card")) {
    const { language, subject } = card.dataset;
    card.hidden = !runs(language) || subjects.has(subject);
    if (card.hidden) continue;
    if (subject) subjects.add(subject);
    seen.observe(card);
  }
  gallery.hidden = !gallery.querySelector(".card:not([hidden])");
}

function comeToLife(card) {
  const cell = document.createElement("single-cell");
  const key = document.querySelector("#try").getAttribute("key"); // where the server asks pages for one
  const name = card.querySelector("h3").textContent;
  for (const [key, value] of Object.entries({ language: card.dataset.language, label: name, autorun: "now", hide: "files" })) {
    cell.setAttribute(key, value);
  }
  if (key) cell.setAttribute("key", key);
  const code = card.querySelector("pre");
  code.replaceWith(cell);
  cell.append(code);
}
