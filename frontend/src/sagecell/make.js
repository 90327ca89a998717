/** makeSagecell and its companions, with the options and the return values that pages of SageMathCell expect. */
import { ownServer } from "../place.js";
import { codeIn, placesOf } from "./places.js";

export const allLanguages = ["sage", "gap", "gp", "html", "macaulay2", "maxima", "octave", "python", "r", "singular"];
export const templates = {
  minimal: { editor: "textarea-readonly", hide: ["editor", "files", "permalink"], replaceOutput: true },
  restricted: { editor: "codemirror-readonly", hide: ["files", "permalink"], replaceOutput: true },
};
export const root = ownServer;
export const quietMode = false;

const HIDDEN = { editor: "editor", evalButton: "run", language: "language", output: "output", permalink: "share", computationID: "status" };
const taken = new WeakSet(); // places that hold a cell: a second call leaves them alone
let calls = 0;

/** Make cells as SageMathCell's documentation says. Returns the options, filled in when the page is ready. */
export function makeSagecell(given) {
  const info = { ...given };
  calls += 1;
  info.linkKey = given.linkKey ?? (given.linked ? `call-${calls}` : undefined);
  whenReady(() => setUp(info, given));
  return info;
}

/** SageMathCell's pages call this before makeSagecell; there is nothing left to wait for. */
export function init(callback) {
  if (callback) whenReady(callback);
}

export function deleteSagecell(info) {
  for (const one of info.array ?? [info]) {
    one.cell?.closest(".sagecell")?.remove();
    one.outputHost?.remove();
  }
}

/** Take the cell out of sight without ending it; restoreInputForm brings it back. */
export function moveInputForm(info) {
  const input = info.cell?.closest(".sagecell_input");
  if (!input) return;
  info.home = document.createComment("sagecell");
  input.replaceWith(info.home);
  input.hidden = true;
  document.body.append(input);
  info.movedForm = input;
}

export function restoreInputForm(info) {
  if (!info.movedForm) return;
  info.movedForm.hidden = false;
  info.home.replaceWith(info.movedForm);
  delete info.movedForm;
}

function whenReady(callback) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", callback, { once: true });
  else queueMicrotask(callback);
}

function setUp(info, given) {
  const options = { replaceOutput: true, languages: ["sage"], editor: "codemirror", ...given.template, ...given };
  options.hide = options.mode === "debug" ? [] : ["files", ...(given.template?.hide ?? []), ...(given.hide ?? [])];
  const places = placesOf(options.inputLocation).filter((place) => !taken.has(place));
  if (!places.length) return;
  if (places.length > 1 && (options.linked || options.linkKey)) options.autoeval = false;
  const cells = places.map((place) => makeOne(place, options, info.linkKey));
  if (cells.length > 1) info.array = cells;
  else Object.assign(info, cells[0]);
  options.callback?.();
}

function makeOne(place, options, linkKey) {
  taken.add(place);
  const cell = document.createElement("single-cell");
  for (const [name, value] of Object.entries(attributes(options, linkKey))) {
    if (value !== null && value !== undefined && value !== false) cell.setAttribute(name, value === true ? "" : value);
  }
  const code = document.createElement("pre");
  code.textContent = codeIn(place, options);
  const button = evalButton(cell, options);
  cell.append(code, button);
  const outputHost = putInPlace(place, cell, options);
  const submit = () => cell.run();
  const editorData = { getValue: () => cell.code, setValue: (text) => (cell.code = text), save() {} };
  return { ...options, linkKey, inputLocation: place, cell, outputHost, submit, editorData, session: cell };
}

function attributes(options, linkKey) {
  const { languages } = options;
  const hide = options.hide.map((name) => (name === "files" ? "files" : HIDDEN[name])).filter(Boolean);
  return {
    language: options.defaultLanguage ?? languages[0],
    languages: languages.length > 1 ? languages.join(" ") : null,
    // Our own button stands in the page's tree, where pages style and press it by its class.
    hide: ["run", ...hide, ...(linkKey ? ["share"] : [])].join(" "),
    readonly: /readonly/.test(options.editor),
    autorun: options.autoeval,
    "link-key": linkKey,
    "keep-output": options.replaceOutput === false,
    collapsed: options.collapse === undefined ? null : String(Boolean(options.collapse)),
    server: globalThis.sagecell?.root === root ? null : globalThis.sagecell?.root,
  };
}

function evalButton(cell, options) {
  const button = document.createElement("button");
  const label = options.evalButtonText ?? "Evaluate";
  button.type = "button";
  button.slot = "run";
  button.className = "sagecell_evalButton";
  button.textContent = label;
  button.hidden = options.hide.includes("evalButton");
  button.addEventListener("click", () => (cell.busy ? cell.stop() : cell.run()));
  cell.addEventListener("run", () => (button.textContent = "Stop"));
  cell.addEventListener("done", () => (button.textContent = label));
  return button;
}

function putInPlace(place, cell, options) {
  const wrap = (className, ...children) => {
    const node = document.createElement("div");
    node.className = className;
    node.append(...children);
    return node;
  };
  const outside = options.outputLocation && placesOf(options.outputLocation)[0];
  let outputHost = null;
  if (outside && outside !== place) {
    outputHost = wrap("sagecell_sessionOutput");
    cell.outputElement = outputHost;
    outside.append(wrap("sagecell sagecell_output", outputHost));
  }
  cell.classList.add("sagecell_editor");
  const whole = wrap("sagecell", wrap("sagecell_input", cell));
  if (place.localName === "textarea") place.replaceWith(whole);
  else place.replaceChildren(whole);
  return outputHost;
}
