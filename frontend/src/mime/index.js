/** Which renderer shows which MIME type, the best first. What none of them knows is shown as its text/plain. */
import { bokehNode, frameNode, plotlyNode, vegaNode } from "./drawn.js";
import { FILES_TYPE, filesNode } from "./files.js";
import { imageNode, svgNode } from "./image.js";
import { jsonNode } from "./json.js";
import { latexNode } from "./latex.js";
import { markdownNode } from "./markdown.js";
import { textNode } from "./text.js";
import { widgetNode } from "./widget.js";

const RENDERERS = [
  [FILES_TYPE, filesNode],
  ["application/vnd.jupyter.widget-view+json", widgetNode],
  ["application/vnd.plotly.v1+json", plotlyNode],
  ["application/vnd.bokehjs_load.v0+json", () => null], // loads Bokeh into a page; here each chart brings it along
  ["application/vnd.bokehjs_exec.v0+json", bokehNode],
  ["application/vnd.vegalite.v6+json", vegaNode],
  ["application/vnd.vegalite.v5+json", vegaNode],
  ["application/vnd.vegalite.v4+json", vegaNode],
  ["application/vnd.vega.v6+json", vegaNode],
  ["application/vnd.vega.v5+json", vegaNode],
  ["text/html", frameNode],
  ["text/markdown", markdownNode],
  ["image/svg+xml", svgNode],
  ["text/latex", latexNode],
  ["image/png", imageNode],
  ["image/jpeg", imageNode],
  ["image/gif", imageNode],
  ["image/webp", imageNode],
  ["application/javascript", frameNode],
  ["application/json", jsonNode],
  ["text/plain", textNode],
];

/**
 * Return the node that shows a MIME bundle, or null when there is nothing to show.
 * `context`: {server, scheme(): "light" | "dark", size(): of text, in pixels, frameHosts: Set, locations: selector or null, files: RunFiles, output: Output}. Nothing in a bundle may become HTML of the page: renderers
 * make nodes and set their text, or hand the data to the sandboxed frame.
 */
export function render(bundle, metadata, context) {
  for (const [type, renderer] of RENDERERS) {
    if (bundle[type] === undefined || bundle[type] === null) continue;
    const data = Array.isArray(bundle[type]) && !/\bjson$/.test(type) ? bundle[type].join("") : bundle[type];
    const about = { type, metadata: metadata[type] ?? {}, plain: asText(bundle["text/plain"]), context, bundle };
    return renderer(data, about);
  }
  return null;
}

function asText(value) {
  if (value === undefined || value === null) return "";
  return Array.isArray(value) ? value.join("") : String(value);
}
