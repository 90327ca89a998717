/** A page of another server in an output: a link stands in its place, or the page itself where the author named its host. */
import { make } from "../dom.js";
import { say } from "../texts.js";

const HOST = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const ADDRESS_CHARS_MAX = 2000;
const SIDE_PX_MAX = 4000;
const WIDTH_PX = 640;
const HEIGHT_PX = 360;
// Pages that are made for frames do little in a window of their own: what they hold stands elsewhere, too.
const OWN_WINDOWS = [
  [/^https:\/\/www\.youtube(?:-nocookie)?\.com\/embed\/([\w-]+).*$/, "https://www.youtube.com/watch?v=$1"],
  [/^https:\/\/player\.vimeo\.com\/video\/(\d+).*$/, "https://vimeo.com/$1"],
];

/** Return the hosts that an author names, whole and without anything else; what is no name of a host is left out. */
export function readHosts(text) {
  const words = (text ?? "").split(/\s+/).filter(Boolean);
  for (const word of words) {
    if (!HOST.test(word.toLowerCase())) console.warn(`frame-hosts: ${word} is no host's name, such as www.youtube.com, and is left out.`);
  }
  return new Set(words.map((word) => word.toLowerCase()).filter((word) => HOST.test(word)));
}

/** Return what stands for a page that an output wants to show, or null for an address that leads nowhere. */
export function embeddedPageNode({ address: untrusted_address, width, height }, { frameHosts, server }) {
  const address = addressOf(untrusted_address);
  if (!address) return null;
  if (!isLetIn(address, frameHosts, server)) return link(address.href);
  const frame = make("iframe", {
    class: "embedded",
    part: "embedded",
    src: address.href,
    title: address.hostname,
    // Of an origin of its own, and not ours or the page's (see below): it may be what it is there, and lead nobody away.
    sandbox: "allow-scripts allow-same-origin allow-forms allow-popups allow-popups-to-escape-sandbox allow-presentation",
    allow: "fullscreen; picture-in-picture",
    referrerpolicy: "strict-origin-when-cross-origin",
    loading: "lazy",
  });
  const [wide, high] = [side(width, WIDTH_PX), side(height, HEIGHT_PX)];
  frame.style.width = String(width).trim().endsWith("%") ? "100%" : `${wide}px`;
  if (frame.style.width === "100%") frame.style.height = `${high}px`;
  else frame.style.aspectRatio = `${wide} / ${high}`;
  return frame;
}

function addressOf(untrusted_address) {
  if (typeof untrusted_address !== "string" || untrusted_address.length > ADDRESS_CHARS_MAX) return null;
  try {
    const address = new URL(untrusted_address);
    return /^https?:$/.test(address.protocol) ? address : null;
  } catch {
    return null;
  }
}

/** Whether the author named the host. The page's own and ours stay closed: their pages could reach out of the frame. */
function isLetIn({ protocol, username, password, port, hostname }, frameHosts, server) {
  if (protocol !== "https:" || username || password || port) return false;
  return frameHosts.has(hostname) && hostname !== location.hostname && hostname !== new URL(server).hostname;
}

function link(address) {
  const [pattern, own] = OWN_WINDOWS.find(([pattern]) => pattern.test(address)) ?? [];
  const href = pattern ? address.replace(pattern, own) : address;
  const made = make("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", dir: "ltr" }, href);
  return make("p", { class: "notice elsewhere" }, say("frame_elsewhere"), " ", made);
}

function side(untrusted_pixels, otherwise) {
  const pixels = Number.parseInt(untrusted_pixels, 10);
  return pixels > 0 ? Math.min(pixels, SIDE_PX_MAX) : otherwise;
}
