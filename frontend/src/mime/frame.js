/**
 * HTML and JavaScript from the kernel: one sandboxed frame per output, never `allow-same-origin`.
 *
 * The frame's document comes from our server instead of `srcdoc`, which would inherit the content security policy of
 * the page: a strict page would then allow it nothing. It has a policy of its own, knows no id and no address of a
 * computation, and says only how high it is.
 */
import { make } from "../dom.js";
import { partAddress } from "../place.js";
import { say } from "../texts.js";

const HEIGHT_PX_MAX = 4000;
const MESSAGES_PER_S_MAX = 200;

const SAFE_LINK = /^(?:https?:|mailto:)/i;
const LINK_CHARS_MAX = 2000;

const frames = new WeakMap(); // window of a frame → its Frame

addEventListener("message", (event) => {
  if (event.source) frames.get(event.source)?.hear(event.data);
});

class Frame {
  constructor(content) {
    this.content = content;
    this.sent = false;
    this.heard = 0;
    this.since = 0;
    this.node = make("iframe", {
      class: "frame",
      part: "frame",
      sandbox: "allow-scripts",
      referrerpolicy: "no-referrer",
      title: say("rich"),
      src: partAddress("frame"),
    });
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
    if (this.heard > MESSAGES_PER_S_MAX) return this.stop();
    const link = untrusted_message?.link;
    if (typeof link === "string" && SAFE_LINK.test(link) && link.length <= LINK_CHARS_MAX) return this.#offer(link);
    const height = Number(untrusted_message?.height);
    if (height >= 0) this.node.style.height = `${Math.min(Math.ceil(height), HEIGHT_PX_MAX)}px`;
  }

  /** Offer a link of the output, its whole address to be read, as one that opens in a window of its own. */
  #offer(address) {
    this.offered ??= make("p", { class: "notice" });
    const link = make("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow", dir: "ltr" }, address);
    this.offered.replaceChildren(say("link_out"), " ", link);
    if (!this.offered.isConnected) this.node.after(this.offered);
  }

  stop() {
    frames.delete(this.node.contentWindow);
    this.node.replaceWith(make("p", { class: "notice" }, say("frame_stopped")));
  }
}

export function frameNode(data, { type, context }) {
  return new Frame({ type, data: String(data), scheme: context.scheme(), fontSize: context.fontSize?.() }).node;
}
