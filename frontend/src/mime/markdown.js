/** text/markdown: parsed when first needed; raw HTML in it sends the whole text to the sandboxed frame. */
import { directed } from "../direction.js";
import { make } from "../dom.js";
import { showEdges } from "../edges.js";
import { fileName } from "../file_names.js";
import { loadPart } from "../lazy.js";
import { say } from "../texts.js";
import { inTurn } from "../slices.js";
import { frameNode } from "./drawn.js";
import { fileLink } from "./files.js";
import { latexNode } from "./latex.js";
import { textNode } from "./text.js";

const CHARS_MAX = 200_000;

export function markdownNode(text, about) {
  const place = make("div", { class: "markdown", part: "markdown" });
  const source = String(text);
  if (source.length > CHARS_MAX) return textNode(source);
  const show = ({ nodes, toHtml }) => {
    const math = (tex) => latexNode(tex, { plain: tex });
    const made = nodes(source, { make, math, fileName, file: (path, children) => fileNode(path, children, about.context.files) });
    if (!made) return place.replaceChildren(frameNode(toHtml(source), { ...about, type: "text/html" }));
    place.replaceChildren(...made.map((node) => (node instanceof Element ? directed(node) : node)));
    for (const table of place.querySelectorAll("table")) showEdges(table);
  };
  // A text of too many pieces is shown as it was written, too.
  place.drawn = loadPart("markdown").then((part) => inTurn(() => show(part))).catch(() => place.replaceChildren(textNode(source)));
  return place;
}

/** Return a link to a file of the cell, around `children`; without those, its picture. It is there when the file is. */
function fileNode(path, children, files) {
  const node = children ? make("span", {}, ...children) : make("img", { class: "picture", part: "image", alt: path });
  files.find(path).then(async (file) => {
    if (children) return file?.address && node.replaceWith(link(file, children));
    if (!file) return node.replaceWith(make("span", { class: "notice" }, say("frame_no_file", { name: path })));
    node.src = file.address ?? URL.createObjectURL(await file.load());
    file.isShown();
  });
  return node;
}

function link(file, children) {
  const made = fileLink(file);
  made.replaceChildren(...children);
  return made;
}
