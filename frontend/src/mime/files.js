/** Files that the code made: a list of links, images shown as well. */
import { make, icon } from "../dom.js";
import { say } from "../texts.js";

const SHOWN = /^image\/(png|jpeg|gif|webp|svg\+xml)$/;
const SHOWN_BYTES_MAX = 8 << 20;

export function filesNode({ files }, { context }) {
  const list = make("ul", { class: "files", part: "files", "aria-label": say("files_title") });
  const pictures = [];
  for (const file of Array.isArray(files) ? files : []) {
    const address = ours(file.url, context.server);
    if (!address) continue;
    const name = String(file.name);
    const size = humanSize(Number(file.size) || 0);
    const link = make(
      "a",
      { href: address, download: name, target: "_blank", rel: "noopener noreferrer", "aria-label": say("download", { name, size }) },
      icon("file"),
      make("bdi", {}, name),
    );
    list.append(make("li", {}, link, make("span", { class: "quiet" }, size)));
    if (SHOWN.test(file.type) && file.size <= SHOWN_BYTES_MAX) {
      pictures.push(make("img", { class: "picture", part: "image", alt: name, src: address, loading: "lazy" }));
    }
  }
  return make("div", {}, ...pictures, list);
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

export function humanSize(bytes) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  let size = bytes;
  for (; size >= 1000 && unit < 3; unit += 1) size /= 1000;
  return `${size.toLocaleString(undefined, { maximumFractionDigits: size < 10 && unit ? 1 : 0 })} ${units[unit]}`;
}
