/**
 * HTML, JavaScript and charts from the kernel: one sandboxed frame per output, never `allow-same-origin`.
 *
 * The frame's document comes from our server instead of `srcdoc`, which would inherit the content security policy of
 * the page: a strict page would then allow it nothing. It has a policy of its own, knows no id and no address of a
 * computation, and says how high it is, which link was clicked, and which library of ours it wants.
 */
import { make } from "../dom.js";
import { loadText, partAddress } from "../place.js";
import { say } from "../texts.js";
import { textNode } from "./text.js";

const HEIGHT_PX_MAX = 4000;
const WINDOW_HEIGHT_PX = 400; // of documents that fill their window, such as scenes in space
const PLOTLY_HEIGHT_PX = 450;
const MESSAGES_PER_S_MAX = 200;

const SAFE_LINK = /^(?:https?:|mailto:)/i;
const LINK_CHARS_MAX = 2000;
// What Bokeh shows in a notebook besides its charts: that it is loading, and the empty places that it draws into.
const OF_BOKEHS_NOTEBOOK = /^\s*(?:<style>\s*\.bk-notebook-logo\b|(?:<div id="[\w-]+" data-root-id="\w+"[^>]*><\/div>\s*)+$)/;
const LIBRARY_FILE = /^[a-z][a-z0-9-]*(?:\.min)?\.js$/;

const frames = new WeakMap(); // window of a frame → its Frame

addEventListener("message", (event) => {
  if (event.source) frames.get(event.source)?.hear(event.data);
});

class Frame {
  /** `plain`: what is shown instead when the output cannot be drawn; `height`: what it is likely to need, in pixels. */
  constructor(content, { context, plain, height = 0 }) {
    const title = say("rich");
    this.content = { ...content, scheme: context.scheme(), title };
    this.plain = plain;
    this.heard = 0;
    this.since = 0;
    this.node = make("iframe", {
      class: "frame",
      part: "frame",
      sandbox: "allow-scripts",
      referrerpolicy: "no-referrer",
      title,
      src: partAddress("frame"),
    });
    if (height) this.node.style.height = `${Math.min(height, HEIGHT_PX_MAX)}px`;
    // A frame has a window only while it is in a document; it gets a new one each time it is moved.
    this.node.addEventListener("load", () => {
      frames.set(this.node.contentWindow, this);
      this.node.contentWindow.postMessage(this.content, "*");
    });
  }

  hear(untrusted_message) {
    if (performance.now() - this.since > 1000) {
      this.since = performance.now();
      this.heard = 0;
    }
    this.heard += 1;
    if (this.heard > MESSAGES_PER_S_MAX) return this.#replace(say("frame_stopped"));
    const { link, need, failed, blocked, height: untrusted_height } = untrusted_message ?? {};
    if (typeof link === "string" && SAFE_LINK.test(link) && link.length <= LINK_CHARS_MAX) return this.#offer(link);
    if (typeof need === "string" && LIBRARY_FILE.test(need)) return this.#supply(need);
    if (failed) return this.#replace(say("frame_failed"), this.plain);
    if (blocked) return this.#tellBlocked();
    const height = Number(untrusted_height);
    if (height >= 0) this.node.style.height = `${Math.min(Math.ceil(height), HEIGHT_PX_MAX)}px`;
  }

  /** Offer a link of the output, its whole address to be read, as one that opens in a window of its own. */
  #offer(address) {
    this.offered ??= make("p", { class: "notice" });
    const link = make("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow", dir: "ltr" }, address);
    this.offered.replaceChildren(say("link_out"), " ", link);
    if (!this.offered.isConnected) this.node.after(this.offered);
  }

  /** Hand in one of our files: a sandboxed frame's own requests are never cached, ours are, for all frames. */
  async #supply(file) {
    const text = await loadText(file).catch(() => null);
    this.node.contentWindow?.postMessage({ file, text }, "*");
  }

  #tellBlocked() {
    this.blocked ??= make("p", { class: "notice" }, say("frame_blocked"));
    if (!this.blocked.isConnected) this.node.after(this.blocked);
  }

  #replace(sentence, plain) {
    frames.delete(this.node.contentWindow);
    this.offered?.remove();
    this.blocked?.remove();
    this.node.replaceWith(make("p", { class: "notice" }, sentence), ...(plain ? [textNode(plain)] : []));
  }
}

export function frameNode(data, { type, ...about }) {
  if (type === "text/html" && OF_BOKEHS_NOTEBOOK.test(data)) return null;
  const fillsWindow = type === "text/html" && /^\s*<(?:!doctype|html)\b/i.test(data);
  return new Frame({ type, data: String(data) }, { ...about, height: fillsWindow ? WINDOW_HEIGHT_PX : 0 }).node;
}

export function plotlyNode(value, { type, ...about }) {
  const height = Number(value?.layout?.height);
  return new Frame({ type, data: { value } }, { ...about, height: height > 0 ? height : PLOTLY_HEIGHT_PX }).node;
}

export function vegaNode(value, { type, ...about }) {
  return new Frame({ type, data: { value, options: about.metadata } }, about).node;
}

/** Bokeh's charts are a script; the places that it draws into came before it, alone. */
export function bokehNode(_, { type, ...about }) {
  const data = [about.bundle["application/javascript"] ?? ""].flat().join("");
  return new Frame({ type, data }, about).node;
}
