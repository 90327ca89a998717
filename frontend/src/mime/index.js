/** Which renderer shows which MIME type, the best first. What none of them knows is shown as its text/plain. */
import { filesNode } from "./files.js";
import { frameNode } from "./frame.js";
import { imageNode, svgNode } from "./image.js";
import { jsonNode } from "./json.js";
import { latexNode } from "./latex.js";
import { markdownNode } from "./markdown.js";
import { textNode } from "./text.js";

const RENDERERS = [
  ["application/vnd.singlecell.files+json", filesNode],
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
 * `context`: {server, scheme(): "light" | "dark"}. Nothing in a bundle may become HTML of the page: renderers
 * make nodes and set their text, or hand the data to the sandboxed frame.
 */
export function render(bundle, metadata, context) {
  for (const [type, renderer] of RENDERERS) {
    if (bundle[type] === undefined || bundle[type] === null) continue;
    const data = Array.isArray(bundle[type]) && type !== "application/json" ? bundle[type].join("") : bundle[type];
    const about = { type, metadata: metadata[type] ?? {}, plain: asText(bundle["text/plain"]), context };
    return renderer(data, about);
  }
  return null;
}

function asText(value) {
  if (value === undefined || value === null) return "";
  return Array.isArray(value) ? value.join("") : String(value);
}
