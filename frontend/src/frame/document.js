/** Writes the document of an output: our style and script first, then what the kernel sent. */
import style from "./output.css";
import { needsPaper, writtenBy } from "./ink.js";
import { bokehFiles, libraryAt, plotlyFiles, STAND_INS, vegaFiles } from "./libraries.js";
import { withSigns } from "./signs.js";

const WHOLE = /^\s*(?:<!-{2}[^]*?-->\s*)*<(?:!doctype|html)\b/i;
const CODE = /<(script|style|pre|code|textarea|svg)\b[^]*?<\/\1\s*>/gi;
const FORMULA = /\$[^$]+\$|\\[([]|\\begin\{/;
const MATH_SCRIPT = /<script\b[^>]*\btype\s*=\s*["']?math\/tex/i;
const SCRIPT_TAG = /<script\b([^>]*?)\ssrc\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)[^>]*>/gi;

/**
 * Return the document's text. `library(file)` resolves with the text of one of our files.
 * Rejects when a library does not come.
 */
export async function compose({ type, data, scheme, size }, library) {
  const [kind, body] = await bodyOf(type, data, library);
  const paper = needsPaper(writtenBy(type, data) ?? "");
  const classes = `${scheme === "dark" && !paper ? "dark" : "light"} ${kind}${paper ? " paper" : ""}`;
  const head = `<meta charset="utf-8"><style>${style}</style><script>${INSIDE}</script>`;
  // The style of code that Pygments has coloured is for a place of this class, as notebooks have it.
  const place = kind === "fragment" && body.includes(".output_html") ? ' class="output_html"' : "";
  return `<!doctype html><html lang="und" class="${classes}" style="--size: ${size}px"><head>${head}</head><body${place}>${body}`;
}

async function bodyOf(type, data, library) {
  const orStandIn = (file) => library(file).catch((error) => (STAND_INS.has(file) ? library(STAND_INS.get(file)) : Promise.reject(error)));
  const all = async (files) => (await Promise.all(files.map(orStandIn))).map(scriptOf).join("");
  if (type === "text/html") {
    const signed = withSigns(data);
    const html = await withLibraries(signed, library);
    const isText = html === signed; // no library draws in it
    const formulas = isText && hasFormulas(data) ? await library(MATH).then(typesetter, () => "") : "";
    return [WHOLE.test(data) ? "whole" : isText ? "fragment" : "drawn", html + formulas];
  }
  if (type === "application/javascript") return ["fragment script", scriptOf(data)];
  if (type.startsWith("application/vnd.bokehjs_exec")) {
    const begin = scriptOf("dispatchEvent(new Event('bokeh'))");
    return ["drawn", (await all(bokehFiles(data))) + begin + bokehPlaces(data) + scriptOf(data)];
  }
  if (type.startsWith("application/vnd.plotly")) {
    return ["drawn", chart("plotly", data.value) + (await all(plotlyFiles(data.value)))];
  }
  if (type.startsWith("application/vnd.jupyter.widget-view")) return ["drawn", `<div id="controls"></div>${scriptOf(await library(WIDGETS))}`];
  const files = vegaFiles(type.startsWith("application/vnd.vegalite"));
  return ["drawn", chart("vega", data.value, data.options) + (await all(files))];
}

/** Whether there may be formulas in the text of a document, so that what sets them is worth its size. */
function hasFormulas(html) {
  return MATH_SCRIPT.test(html) || FORMULA.test(html.replace(CODE, ""));
}

function typesetter(text) {
  return scriptOf(text).replace("<script>", '<script type="module" id="singlecell-formulas">');
}

function scriptOf(text) {
  return `<script>${text.replace(/<\/(script)/gi, "<\\/$1")}</script>`;
}

/** Return the elements that a script of Bokeh draws into; it names them. */
function bokehPlaces(script) {
  const lists = [...script.matchAll(/"roots":\s*(\{(?:"\w+":\s*"[\w-]+",?\s*)+\})/g)].map(([, list]) => JSON.parse(list));
  return lists.flatMap(Object.values).map((id) => `<div id="${id}" style="display: contents"></div>`).join("");
}

/** Return the place of a chart and its data, in which no `<` can end the script element. */
function chart(kind, value, options) {
  const json = JSON.stringify({ kind, value, options }).replace(/</g, "\\u003c");
  return `<div class="chart" id="chart"></div><script type="application/json" id="chart-data">${json}</script>`;
}

/** Put our own copies of libraries in place of scripts with their addresses. */
async function withLibraries(html, library) {
  const texts = new Map();
  for (const [tag, , quoted] of html.matchAll(SCRIPT_TAG)) {
    const file = libraryAt(quoted.replace(/^["']|["']$/g, ""));
    if (file) texts.set(tag, await library(file));
  }
  return texts.size ? html.replace(SCRIPT_TAG, (tag) => (texts.has(tag) ? `<script>${texts.get(tag)}` : tag)) : html;
}
