/** The languages of a server: what people call them, how their code is coloured, which of them it cannot run now. */
import { Api } from "./api.js";
import { make } from "./dom.js";
import { once } from "./lazy.js";
import { say } from "./texts.js";

// What is known before a server has been asked, so that a cell looks right at once.
const LABELS = {
  cpp: "C++", gap: "GAP", gp: "GP", html: "HTML", javascript: "JavaScript", python: "Python", r: "R", sage: "Sage",
};
const HIGHLIGHTING = { c: "c", cpp: "cpp", gap: "gap", julia: "julia", octave: "matlab", python: "python", r: "r", sage: "python" };

/** Return the server's list of languages, asked once for a page; an empty one when it does not answer. */
function languagesOf(server) {
  return once(server, () => new Api(server).languages().then(({ languages }) => languages)).catch(() => []);
}

/** Return the language of old links that name none: SageMathCell's, where the server has it or is about to. */
export async function languageOfLinks(server) {
  const served = await languagesOf(server);
  return served.some(({ name, available, expected }) => name === "sage" && (available || expected)) ? "sage" : "python";
}

export function languageLabel(name) {
  return LABELS[name] ?? name[0].toUpperCase() + name.slice(1);
}

/** Return the name of the grammar that colours a language; the server is asked only for what is not known here. */
export async function highlightingOf(name, server) {
  if (HIGHLIGHTING[name]) return HIGHLIGHTING[name];
  return (await languagesOf(server)).find((language) => language.name === name)?.highlighting ?? name;
}

/** Return how the names of files in a language end. */
export async function extensionOf(name, server) {
  return (await languagesOf(server)).find((language) => language.name === name)?.extension ?? ".txt";
}

/** Fill a cell's menu with these languages, or with `all` of its server; those that it cannot run say what is missing. */
export async function offerLanguages(select, names, cell) {
  const wantsAll = names[0] === "all";
  if (!wantsAll) show(select, names.map((name) => ({ name, label: languageLabel(name), available: true })), cell);
  const served = await languagesOf(cell.server);
  if (!served.length) return;
  const known = (name) => served.find((language) => language.name === name);
  const missing = (name) => ({ name, label: languageLabel(name), available: false });
  show(select, wantsAll ? served : names.map((name) => known(name) ?? missing(name)), cell);
}

/** Show these languages; the one that the cell is in now is chosen. */
function show(select, languages, { language: chosen }) {
  select.hidden = languages.length < 2;
  select.replaceChildren(...languages.map((language) => option(language, language.name === chosen)));
}

function option({ name, label, available, expected, install }, selected) {
  if (available || expected) return make("option", { value: name, selected }, label);
  const why = install ? say("install_with", { label, command: install }) : say("not_installed", { label });
  return make("option", { value: name, selected, disabled: true, title: why }, why);
}
