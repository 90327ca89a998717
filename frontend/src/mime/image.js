/** Images. Inside <img> an SVG can run no script and load nothing. */
import { fetchFile } from "../api.js";
import { make } from "../dom.js";
import { openPart } from "../lazy.js";
import { say } from "../texts.js";

const WIDTH_MAX_PX = 20000;

export function imageNode(base64, { type, metadata, plain }) {
  return image(`data:${type};base64,${String(base64).replace(/\s/g, "")}`, metadata, plain);
}

export function svgNode(text, { metadata, plain }) {
  return image(`data:image/svg+xml;charset=utf-8,${encodeURIComponent(String(text))}`, metadata, plain);
}

function image(address, metadata, plain) {
  const picture = make("img", { class: "picture", part: "image", alt: description(metadata, plain), src: address });
  for (const side of ["width", "height"]) {
    const pixels = Number(metadata[side]);
    if (pixels > 0 && pixels <= WIDTH_MAX_PX) picture[side] = Math.round(pixels);
  }
  // What it was drawn for, if the kernel knows: on another ground it is inverted, or has the ground that it was made for.
  if (/^(?:light|dark)$/.test(metadata.scheme)) {
    picture.dataset.scheme = metadata.scheme;
    if (metadata.invertible === true) picture.dataset.invertible = "";
  }
  return enlargeable(picture);
}

/** Return a picture as a button that shows it large, where it can be saved. */
export function enlargeable(picture) {
  const open = () => openPart("enlarged", ({ show }) => show(picture, { make, say, fetchFile }));
  return make("button", { type: "button", class: "enlarge", part: "image-button", title: say("enlarge"), onclick: open }, picture);
}

/** Return what a screen reader says: the author's text, else what the object says of itself unless that is an address. */
function description(metadata, plain) {
  if (typeof metadata.alt === "string") return metadata.alt;
  return plain && !/^<.* at 0x|^<Figure |^<IPython/.test(plain) ? plain.slice(0, 200) : say("image");
}
