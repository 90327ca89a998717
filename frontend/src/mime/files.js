/** Files that the code made: a list of links, images shown as well. */
import { make, icon } from "../dom.js";
import { enlargeable } from "./image.js";
import { CellFile } from "../run_files.js";
import { say } from "../texts.js";

export const FILES_TYPE = "application/vnd.singlecell.files+json";
const SHOWN = /^image\/(png|jpeg|gif|webp|svg\+xml)$/;
const SHOWN_BYTES_MAX = 8 << 20;

export function filesNode(data, { context }) {
  const list = make("ul", { class: "files", part: "files", "aria-label": say("files_title") });
  const pictures = [];
  for (const file of readFiles(data, context.server)) {
    const { name, address: src } = file;
    list.append(make("li", {}, fileLink(file), make("span", { class: "quiet" }, humanSize(file.size))));
    if (SHOWN.test(file.type) && file.size <= SHOWN_BYTES_MAX) {
      pictures.push(make("img", { class: "picture", part: "image", alt: name, src, loading: "lazy" }));
      file.picture = pictures.at(-1);
    }
    context.files.add(file);
  }
  return make("div", {}, ...pictures.map(enlargeable), list);
}

/** Return the files that a message announces. */
export function readFiles({ files }, server) {
  const announced = (Array.isArray(files) ? files : []).map((file) => ({ ...file, address: ours(file?.url, server) }));
  return announced
    .filter(({ address }) => address)
    .map(({ name, type, size, address }) => new CellFile({ name: String(name), type, size: Number(size) || 0, address }));
}

/** Return a link that saves a file. */
export function fileLink({ name, size, address }) {
  const label = say("download", { name, size: humanSize(size) });
  const link = { href: address, download: name, target: "_blank", rel: "noopener noreferrer", "aria-label": label };
  return make("a", link, icon("file"), make("bdi", {}, name));
}

/** Return the address of a file of our server; a kernel may write anything into such a message. */
function ours(untrusted_url, server) {
  try {
    const address = new URL(String(untrusted_url), server);
    const root = new URL(server);
    return address.origin === root.origin && address.pathname.startsWith(`${root.pathname}files/`) ? address.href : null;
  } catch {
    return null;
  }
}

/** Return a size as people read it; a limit (`isMost`) is never said to be larger than it is. */
export function humanSize(bytes, isMost = false) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  let size = bytes;
  for (; size >= 1000 && unit < 3; unit += 1) size /= 1000;
  if (isMost) size = Math.floor(size * 10) / 10;
  return `${size.toLocaleString(undefined, { maximumFractionDigits: unit && (isMost || size < 10) ? 1 : 0 })} ${units[unit]}`;
}
