/** `/embed`: from options to the lines of HTML, with the cell itself as preview. */
import { Api } from "../api.js";

const FLAGS = ["autorun", "readonly", "collapsed"];
const TEXTS = ["theme", "link-key"];

export function buildSnippet() {
  const form = document.querySelector("#options");
  const server = new URL(document.querySelector("#embed").dataset.server, location.href).href;
  let timer;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => show(form, server), 300);
  });
  document.querySelector("#copy").addEventListener("click", copy);
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
  const attributes = attributesOf(form);
  const code = form.elements.code.value;
  const cell = document.createElement("single-cell");
  for (const [name, value] of attributes) cell.setAttribute(name, value);
  cell.id = "preview-cell";
  cell.textContent = code;
  document.querySelector("#preview").replaceChildren(cell);
  document.querySelector("#snippet").textContent = snippet(attributes, code, server);
  document.querySelector("#copied").textContent = "";
}

function attributesOf(form) {
  const attributes = [["language", form.elements.language.value]];
  for (const name of FLAGS) if (form.elements[name].checked) attributes.push([name, ""]);
  for (const name of TEXTS) if (form.elements[name].value) attributes.push([name, form.elements[name].value]);
  const hidden = [...form.elements.show].filter((box) => !box.checked).map((box) => box.value);
  if (hidden.length) attributes.push(["hide", hidden.join(" ")]);
  return attributes;
}

function snippet(attributes, code, server) {
  const written = attributes.map(([name, value]) => (value === "" ? name : `${name}="${escape(value)}"`)).join(" ");
  return [
    `<script type="module" src="${server}embedded_singlecell.js"></script>`,
    `<single-cell ${written}><pre>`,
    `${code.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</pre></single-cell>`,
  ].join("\n");
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
}

async function copy() {
  const snippetNode = document.querySelector("#snippet");
  try {
    await navigator.clipboard.writeText(snippetNode.textContent);
    document.querySelector("#copied").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(snippetNode);
  }
}
