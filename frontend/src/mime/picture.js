/** A picture that an output would like to be kept, offered as a file: checked, and under a name of ours. */
import { make } from "../dom.js";
import { say } from "../texts.js";
import { humanSize } from "./files.js";

const BYTES_MAX = 20e6;
const NAME = "picture";
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const SVG = /^\s*(?:<\?xml[^>]*>\s*)?(?:<!(?:--[^]*?--|DOCTYPE[^>]*)>\s*)*<svg[\s>]/;
const SVG_BEGINNING_CHARS = 4096;

/** Return the offer of a picture, or the sentence that this is none. */
export async function pictureNode(untrusted_picture) {
  const picture = await checked(untrusted_picture);
  if (!picture) return make("p", { class: "notice", role: "status" }, say("picture_refused", { size: humanSize(BYTES_MAX) }));
  const { bytes, extension } = picture;
  const name = `${NAME}.${extension}`;
  // A button and no link: the picture must never get an address that could be opened in the page's own origin.
  const button = make("button", { type: "button", onclick: () => save(bytes, name) }, say("picture_save", { name, size: humanSize(bytes.size) }));
  return make("p", { class: "notice offer", role: "status" }, button);
}

/** Return {bytes, extension} of something that is a picture, else null. */
async function checked(untrusted_picture) {
  if (!(untrusted_picture instanceof Blob) || untrusted_picture.size > BYTES_MAX) return null;
  const untrusted_bytes = await untrusted_picture.arrayBuffer();
  const type = untrusted_picture.type.split(";")[0];
  // To the browser the file is bytes: were its address opened all the same, it would be saved and not shown.
  const bytes = new Blob([untrusted_bytes], { type: "application/octet-stream" });
  if (type === "image/png") return isPng(untrusted_bytes) ? { bytes, extension: "png" } : null;
  if (type === "image/svg+xml") return isSvg(untrusted_bytes) ? { bytes, extension: "svg" } : null;
  return null;
}

function isPng(untrusted_bytes) {
  const beginning = new Uint8Array(untrusted_bytes.slice(0, PNG.length));
  return PNG.every((byte, i) => beginning[i] === byte);
}

function isSvg(untrusted_bytes) {
  return SVG.test(new TextDecoder().decode(untrusted_bytes.slice(0, SVG_BEGINNING_CHARS)));
}

function save(bytes, name) {
  const address = URL.createObjectURL(bytes);
  make("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}
