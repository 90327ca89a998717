/** makeSagecell and its companions, with the options and the return values that pages of SageMathCell expect. */
import { ownServer } from "../script_location.js";
import { speak } from "../texts.js";
import { STOP_AFTER_MS } from "../view.js";
import { kernelOf, numberOf, sessionOfRun } from "./kernel.js";
import { OutputText } from "./output_text.js";
import { dress, evalButton, languageMenu, permalinkButton, pressable, wrap } from "./parts.js";
import { codeIn, isThere, linkedRoot, placesOf } from "./places.js";

export const allLanguages = ["sage", "gap", "gp", "html", "macaulay2", "maxima", "octave", "python", "r", "singular"];
export const templates = {
  minimal: { editor: "textarea-readonly", hide: ["editor", "files", "permalink"], replaceOutput: true },
  restricted: { editor: "codemirror-readonly", hide: ["files", "permalink"], replaceOutput: true },
};
export const modes = { sage: "python", python: "python", html: "htmlmixed", macaulay2: "macaulay2", r: "r" };
export const root = ownServer;
export const quietMode = false;
export const kernels = []; // one for each call, or link key: null before its first run
export const linkKeys = {}; // link key → number of its kernel
export const hiddenInputs = null; // names of those to copy from outputs, or true; a page may set it for all of its cells

const HIDDEN = { editor: "editor", output: "output", sessionFiles: "downloads", computationID: "status" };
const taken = new WeakSet(); // places that hold a cell: a second call leaves them alone
let calls = 0;

/**
 * Make cells as SageMathCell's documentation says: at once where their places are there, else when the page is ready.
 * Returns the options, filled in then.
 */
export function makeSagecell(given) {
  if (!given?.inputLocation) throw new TypeError("makeSagecell needs an inputLocation: a selector or an element.");
  const info = { ...given };
  calls += 1;
  info.linkKey = given.linkKey ?? (given.linked ? `call-${calls}` : undefined);
  const places = [given.inputLocation, given.outputLocation, given.codeLocation].filter(Boolean);
  if (document.readyState !== "loading" || places.every(isThere)) setUp(info, given);
  else whenReady(() => setUp(info, given));
  return info;
}

/** SageMathCell's pages of old call this before makeSagecell; there is nothing left to wait for. */
export function init(callback) {
  if (callback) whenReady(callback);
}

/** Take a cell away, with the places that hold it, as SageMathCell does. */
export function deleteSagecell(info) {
  for (const one of info.array ?? [info]) {
    one.whole?.remove();
    one.outputHost?.closest(".sagecell")?.remove();
  }
}

/** Take the cell out of sight without ending it; restoreInputForm brings it back. */
export function moveInputForm(info) {
  for (const one of info.array ?? [info]) {
    const input = one.cell?.closest(".sagecell_input");
    if (!input || one.movedForm) continue;
    one.home = document.createComment("sagecell");
    input.replaceWith(one.home);
    input.hidden = true;
    document.body.append(input);
    one.movedForm = input;
  }
}

export function restoreInputForm(info) {
  for (const one of info.array ?? [info]) {
    if (!one.movedForm) continue;
    one.movedForm.hidden = false;
    one.home.replaceWith(one.movedForm);
    delete one.movedForm;
  }
}

function whenReady(callback) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", callback, { once: true });
  else queueMicrotask(callback);
}

function setUp(info, given) {
  speak(document.documentElement.lang || navigator.language);
  dress();
  const options = optionsOf(given);
  const places = placesOf(options.inputLocation).filter((place) => !taken.has(place));
  if (!places.length) return;
  if (places.length > 1) {
    if (given.outputLocation) throw new TypeError("With an outputLocation, inputLocation has to name one place.");
    // Many cells of one kernel at once are more than a page should ask for.
    if (options.linked && !options.linkKey) options.autoeval = false;
  }
  const shared = given.linked || given.linkKey !== undefined ? numberOf(given.linkKey) : null;
  // What the call returned has to follow its one cell; many have an object each.
  const infos = places.length > 1 ? places.map(() => ({})) : [info];
  const cells = places.map((place, at) => makeOne(infos[at], place, { ...options, linkKey: info.linkKey }, shared ?? numberOf()));
  if (cells.length > 1) info.array = cells;
}

function optionsOf(given) {
  const defaults = { replaceOutput: true, languages: ["sage"], editor: "codemirror", evalButtonText: "Evaluate", mode: "normal" };
  const options = { ...defaults, ...given.template, ...given };
  const { languages, defaultLanguage } = options;
  options.defaultLanguage = languages.includes(defaultLanguage) ? defaultLanguage : languages[0];
  options.hide = ["messages", ...(given.template?.hide ?? []), ...(given.hide ?? [])];
  if (options.linked || options.linkKey) options.hide.push("permalink");
  if (languages.length === 1) options.hide.push("language");
  options.hide.push("files");
  return options;
}

function makeOne(info, place, options, kernelNumber) {
  taken.add(place);
  const cell = document.createElement("single-cell");
  const code = codeIn(place, options);
  for (const [name, value] of Object.entries(attributes(options, code))) {
    if (value !== null && value !== undefined && value !== false) cell.setAttribute(name, value === true ? "" : value);
  }
  const source = document.createElement("pre");
  source.textContent = code;
  const shows = (part) => options.mode === "debug" || !options.hide.includes(part);
  let pressed = -Infinity;
  const press = () => {
    if (cell.busy) return performance.now() - pressed > STOP_AFTER_MS && cell.stop();
    pressed = performance.now();
    return info.submit();
  };
  cell.append(source, evalButton(cell, options.evalButtonText, shows("evalButton"), press));
  if (options.languages.length > 1) cell.append(languageMenu(cell, options.languages, shows("language")));
  cell.append(permalinkButton(cell, shows("permalink")));
  const outputHost = wrap("sagecell_sessionOutput");
  Object.assign(info, options, { code, inputLocation: place, cell, outputHost, editorData: editorOf(cell) });
  followRuns(info, kernelNumber); // before it is in the page, where it may run at once
  info.whole = putInPlace(info, press);
  // Pages use in it what makeSagecell has returned; an exception in it is reported as the page's own.
  if (options.callback) queueMicrotask(() => options.callback());
  return info;
}

/** Keep what pages read of runs: the kernel, `info.session`, the text of the output. */
function followRuns(info, kernelNumber) {
  const { cell, outputHost } = info;
  const text = new OutputText(outputHost, info.hiddenInputs ?? globalThis.sagecell.hiddenInputs);
  const begin = () => {
    const kernel = kernelOf(cell, kernelNumber);
    info.session = sessionOfRun(info, kernel);
    text.begin(info.replaceOutput === false);
    return kernel;
  };
  cell.addEventListener("run", begin);
  cell.addEventListener("message", ({ detail }) => text.take(detail.message));
  cell.addEventListener("done", () => text.end());
  info.submit = () => {
    if (cell.isConnected) cell.run();
    // A place outside of the page has a kernel all the same: pages of Ximera make theirs there.
    else begin().execute(cell.code, { iopub: { output: (message) => text.take(message) }, shell: { reply: () => text.end() } });
    return false;
  };
}

/** What pages use of the CodeMirror editor that SageMathCell gives them. */
function editorOf(cell) {
  const nothing = () => {};
  return {
    getValue: () => cell.code, setValue: (text) => (cell.code = text), focus: () => cell.focus(),
    refresh: nothing, save: nothing, setOption: nothing,
  };
}

function attributes(options, code) {
  const hide = options.mode === "debug" ? [] : options.hide.map((name) => HIDDEN[name] ?? (name === "files" && "files"));
  const server = globalThis.sagecell?.root === root ? linkedRoot() : globalThis.sagecell?.root;
  return {
    language: options.defaultLanguage,
    // Our own buttons and menu stand in the page's tree, where pages style and press them by their classes.
    hide: ["run", "language", "share", "menu", ...hide].filter(Boolean).join(" "),
    readonly: /readonly/.test(options.editor),
    // SageMathCell's run at once, also where nobody sees them, and pages wait for what they print.
    autorun: options.autoeval && code !== "" ? "now" : null,
    "link-key": options.linkKey,
    "keep-output": options.replaceOutput === false,
    locations: "*", // its interacts put their controls anywhere in the page
    collapsed: options.collapse === undefined ? null : String(Boolean(options.collapse)),
    server,
  };
}

/** Put the cell where the page wants it, its input and its output in elements with SageMathCell's class names. */
function putInPlace({ inputLocation: place, outputLocation, cell, outputHost }, press) {
  const output = wrap("sagecell_output_elements", wrap("sagecell_output", outputHost));
  const input = wrap("sagecell_input", cell, pressable(press));
  const parts = [input, output];
  cell.outputElement = outputHost;
  cell.classList.add("sagecell_editor");
  const outside = outputLocation && placesOf(outputLocation)[0];
  if (outside && outside !== place) {
    outside.classList.add("sagecell");
    outside.append(parts.pop());
  }
  if (place.localName !== "textarea") {
    place.classList.add("sagecell");
    place.replaceChildren(...parts);
    return place;
  }
  // The page's own field stays, out of sight, and follows: forms send it, scripts read it.
  const whole = wrap("sagecell");
  place.replaceWith(whole);
  place.hidden = true;
  place.classList.add("sagecell_commands");
  for (const event of ["input", "run"]) cell.addEventListener(event, () => (place.value = cell.code));
  input.append(place);
  whole.append(...parts);
  return whole;
}
