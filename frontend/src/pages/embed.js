/** `/embed`: from options to the lines that authors copy, with the cell itself as preview. */
import { Api } from "../api.js";
import { frameLines, keptAddress, markdownLines, scriptLines, tooLong } from "./snippets.js";

const FLAGS = ["autorun", "readonly", "collapsed"];
const TEXTS = ["theme", "link-key", "key"];
const OF_A_PAGE = ["link-key"]; // what the cell of a frame cannot have
const PAUSE_MS = 300; // of the typing, before it is shown

let timer = null; // of a change that is not shown yet
let shows = 0; // how often the lines have been made: those made last count, whichever come first

export function buildSnippet() {
  const form = document.querySelector("#options");
  const server = new URL(document.querySelector("#embed").dataset.server, location.href).href;
  form.addEventListener("submit", (event) => event.preventDefault());
  // The choice between the kinds stands outside of the form and belongs to it.
  document.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => show(form, server), PAUSE_MS);
  });
  document.querySelector("#copy").addEventListener("click", () => copy(form, server));
  document.querySelector("#keep").addEventListener("click", () => keep(form, server));
  offerLanguages(form.elements.language, new URL(".", location.href).href);
  show(form, server);
}

async function offerLanguages(select, server) {
  const { languages } = await new Api(server).languages().catch(() => ({ languages: [] }));
  if (!languages.length) return;
  select.replaceChildren(...languages.map(option));
  select.value = "python";
}

function option({ name, label, available, expected }) {
  const runs = available || expected;
  const made = new Option(runs ? label : `${label} (not on this server)`, name);
  made.disabled = !runs;
  return made;
}

function show(form, server) {
  clearTimeout(timer);
  timer = null;
  preview(form);
  return showLines(form, server);
}

/** Show what was changed a moment ago: whoever presses a button means the form as it is. */
async function showChange(form, server) {
  if (timer !== null) await show(form, server);
}

function preview(form) {
  const cell = document.createElement("single-cell");
  for (const [name, value] of attributesOf(form)) cell.setAttribute(name, value);
  // The author's key may be for the author's site alone.
  const { key } = document.querySelector("#embed").dataset;
  if (key) cell.setAttribute("key", key);
  cell.id = "preview-cell";
  for (const [text, isSetup] of [[form.elements.setup.value, true], [form.elements.code.value, false]]) {
    const pre = document.createElement("pre");
    pre.textContent = text;
    if (isSetup) pre.dataset.setup = "";
    if (text) cell.append(pre);
  }
  document.querySelector("#preview").replaceChildren(cell);
}

async function showLines(form, server, address) {
  const number = (shows += 1);
  const kind = form.elements.kind.value;
  const what = contentOf(form, server);
  const lines = { script: scriptLines, markdown: markdownLines, frame: frameLines }[kind];
  const text = await lines(what, address);
  if (number !== shows) return; // something else was chosen meanwhile
  document.querySelector("#snippet").textContent = text;
  document.querySelector("#copied").textContent = "";
  document.querySelector("#keep").hidden = !(kind === "frame" && tooLong(text));
  for (const note of document.querySelectorAll(".note")) note.hidden = note.dataset.kind !== kind;
  for (const label of form.querySelectorAll(".of-script")) label.hidden = kind === "frame";
}

/** Put the code behind an address that is short: some servers and editors cut long ones off. */
async function keep(form, server) {
  await showChange(form, server);
  const { key } = document.querySelector("#preview-cell").attributes;
  const api = new Api(new URL(".", location.href).href, key?.value);
  try {
    await showLines(form, server, await keptAddress(api, contentOf(form, server)));
  } catch (error) {
    document.querySelector("#copied").textContent = error.message;
  }
}

function contentOf(form, server) {
  const { code, setup, kind } = form.elements;
  const attributes = attributesOf(form).filter(([name]) => kind.value !== "frame" || !OF_A_PAGE.includes(name));
  const label = form.elements.language.selectedOptions[0].text;
  const height_px = document.querySelector("#preview-cell").offsetHeight;
  const { pinned, integrity } = document.querySelector("#embed").dataset;
  const script = form.elements.pinned.checked ? { path: pinned, integrity } : { path: "embedded_singlecell.js" };
  return { server, script, attributes, code: code.value, setup: setup.value, label, height_px };
}

function attributesOf(form) {
  const attributes = [["language", form.elements.language.value]];
  for (const name of FLAGS) if (form.elements[name].checked) attributes.push([name, ""]);
  for (const name of TEXTS) if (form.elements[name]?.value) attributes.push([name, form.elements[name].value]);
  const hidden = [...form.elements.show].filter((box) => !box.checked).map((box) => box.value);
  if (hidden.length) attributes.push(["hide", hidden.join(" ")]);
  return attributes;
}

async function copy(form, server) {
  await showChange(form, server);
  const snippetNode = document.querySelector("#snippet");
  try {
    await navigator.clipboard.writeText(snippetNode.textContent);
    document.querySelector("#copied").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(snippetNode);
  }
}
