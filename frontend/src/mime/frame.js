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
    const height = Number(untrusted_message?.height);
    if (height >= 0) this.node.style.height = `${Math.min(Math.ceil(height), HEIGHT_PX_MAX)}px`;
  }

  stop() {
    frames.delete(this.node.contentWindow);
    this.node.replaceWith(make("p", { class: "notice" }, say("frame_stopped")));
  }
}

export function frameNode(data, { type, context }) {
  return new Frame({ type, data: String(data), scheme: context.scheme(), fontSize: context.fontSize?.() }).node;
}
