/**
 * What holds HTML, JavaScript and charts from the kernel: one sandboxed frame per output, never `allow-same-origin`.
 *
 * The frame's document comes from our server instead of `srcdoc`, which would inherit the content security policy of
 * the page: a strict page would then allow it nothing. It has a policy of its own, knows no id and no address of a
 * computation, and says how high it is, which link was clicked, which library of ours, which file of the cell and which
 * page of another server it wants, that somebody touched it, which picture it would like to be kept, and what went wrong in
 * its scripts.
 */
import { make } from "../dom.js";
import { fileName } from "../file_names.js";
import { loadLibrary, partAddress } from "../lazy.js";
import { say } from "../texts.js";
import { embeddedPageNode } from "./embedded_page.js";
import { fileLink } from "./files.js";
import { pictureNode } from "./picture.js";
import { textNode } from "./text.js";

const HEIGHT_PX_MAX = 4000;
const MESSAGES_PER_S_MAX = 200;
const TOUCH_S = 60; // a picture comes at most so long after somebody has touched the output; large ones take a while

const SAFE_LINK = /^(?:https?:|mailto:)/i;
const LINK_CHARS_MAX = 2000;
const ERROR_CHARS_MAX = 500;
const HOST = /^[a-z0-9.:[\]-]{1,100}$/i;
const EMBEDDED_MAX = 10;
const WANTED_MAX = 200;
const LIBRARY_FILE = /^(?:[a-z][a-z0-9-]*(?:\.min)?\.js|KaTeX_[\w-]+\.woff2)$/;

const frames = new WeakMap(); // window of a frame → its Frame

addEventListener("message", (event) => {
  if (event.source) frames.get(event.source)?.hear(event.data);
});

export class Frame {
  /** `plain`: what is shown instead when the output cannot be drawn; `height`: what it is likely to need, in pixels. */
  constructor(content, { context, plain, height = 0 }) {
    const title = say("rich");
    this.content = { ...content, scheme: context.scheme(), size: context.size(), title };
    this.plain = plain;
    this.context = context;
    this.sentences = {}; // below the frame, by the reason for each
    this.beside = []; // what stands below the frame: sentences, offers, pages of other servers
    this.embedded = 0;
    this.wanted = 0;
    this.heard = 0;
    this.since = 0;
    this.touched = -Infinity;
    this.node = make("iframe", {
      class: "frame",
      part: "frame",
      sandbox: "allow-scripts",
      referrerpolicy: "no-referrer",
      title,
      loading: context.isCrowded ? "lazy" : null,
      src: partAddress("frame"),
    });
    if (context.isCrowded) this.node.classList.add("crowded");
    if (height) this.node.style.height = `${Math.min(height, HEIGHT_PX_MAX)}px`;
    // A frame has a window only while it is in a document; it gets a new one each time it is moved.
    this.node.addEventListener("load", () => {
      frames.set(this.node.contentWindow, this);
      this.content.scheme = this.context.scheme(); // it may have waited for long
      this.node.contentWindow.postMessage(this.content, "*");
    });
  }

  hear(untrusted_message) {
    if (performance.now() - this.since > 1000) {
      this.since = performance.now();
      this.heard = 0;
    }
    this.heard += 1;
    if (this.heard > MESSAGES_PER_S_MAX) return this.halt();
    const { link, file, want, embed, need, failed, blocked, wrong, touched, picture } = untrusted_message ?? {};
    // The browser knows whether there was a touch, in the output or around it; an output's word for it is not enough.
    if (touched) return navigator.userActivation?.isActive !== false && (this.touched = performance.now());
    if (picture !== undefined) return this.#keep(picture);
    if (typeof link === "string" && SAFE_LINK.test(link) && link.length <= LINK_CHARS_MAX) return this.#offer(link);
    if (typeof need === "string" && LIBRARY_FILE.test(need)) return this.#supply(need);
    if (failed) return this.#replace(say("frame_failed"), this.plain);
    if (typeof blocked === "string") return HOST.test(blocked) && this.#tell("blocked", say("frame_blocked", { host: blocked }));
    if (typeof wrong === "string") return this.#tellWrong(wrong);
    if (typeof want === "string") return this.#showFile(want);
    if (typeof file === "string") return this.#offerFile(file);
    if (typeof embed === "string") return this.#embed({ ...untrusted_message, address: embed });
    const height = Number(untrusted_message?.height);
    if (height >= 0) this.node.style.height = `${Math.min(Math.ceil(height), HEIGHT_PX_MAX)}px`;
  }

  /** Be no more: it says too much. */
  halt() {
    this.#replace(say("frame_stopped"));
  }

  /** Offer a link of the output, its whole address to be read, as one that opens in a window of its own. */
  #offer(address) {
    const link = make("a", { href: address, target: "_blank", rel: "noopener noreferrer nofollow", dir: "ltr" }, address);
    this.#tell("offered", say("link_out"), " ", link);
  }

  /** Offer a file of the cell that a link of the output names. */
  async #offerFile(untrusted_name) {
    const name = fileName(untrusted_name);
    const file = name && (await this.context.files.find(name));
    if (file?.address) this.#tell("offered", fileLink(file));
    else if (name && !file) this.#tell("offered", say("frame_no_file", { name }));
  }

  /** Hand in a file of the cell, when it is there. */
  async #showFile(untrusted_name) {
    const name = fileName(untrusted_name);
    if (!name || (this.wanted += 1) > WANTED_MAX) return;
    const file = await this.context.files.find(name);
    const blob = await file?.load().catch(() => null);
    file?.isShown();
    if (!file && !this.sentences.missing) this.#tell("missing", say("frame_no_file", { name }));
    this.node.contentWindow?.postMessage({ want: untrusted_name, blob: blob ?? null }, "*");
  }

  /** Put something in the place of a page of another server. */
  #embed(untrusted_page) {
    if ((this.embedded += 1) > EMBEDDED_MAX) return;
    const node = embeddedPageNode(untrusted_page, this.context);
    if (node) this.#put(node);
  }

  /** Be light or dark, as the page is now. */
  paint(scheme) {
    if (scheme === this.content.scheme) return;
    this.content.scheme = scheme;
    this.node.contentWindow?.postMessage({ scheme }, "*");
  }

  /** Offer a picture of the output as a file: one for each time that somebody has touched the output. */
  async #keep(untrusted_picture) {
    if (performance.now() - this.touched > TOUCH_S * 1000) return;
    this.touched = -Infinity;
    const offer = await pictureNode(untrusted_picture);
    this.picture?.remove();
    this.picture = offer;
    this.#put(offer);
  }

  /** Hand in one of our files: a sandboxed frame's own requests are never cached, ours are, for all frames. */
  async #supply(file) {
    const text = await loadLibrary(file).catch(() => null);
    this.node.contentWindow?.postMessage({ file, text }, "*");
  }

  /** Say something below the output, in the place of what was said there for the same reason. */
  #tell(reason, ...content) {
    this.sentences[reason] ??= make("p", { class: "notice", role: "status" });
    this.sentences[reason].replaceChildren(...content);
    if (!this.sentences[reason].isConnected) this.#put(this.sentences[reason]);
  }

  /** Put a node below the output, and below what is there. */
  #put(node) {
    if (!this.node.isConnected) return;
    this.beside = this.beside.filter((one) => one.isConnected);
    (this.beside.at(-1) ?? this.node).after(node);
    this.beside.push(node);
  }

  /** Say what went wrong in a script of the output first; what follows is mostly of that. */
  #tellWrong(untrusted_error) {
    const error = untrusted_error.replace(/^Uncaught (?:\(in promise\) )?/, "").slice(0, ERROR_CHARS_MAX);
    if (!this.sentences.wrong) this.#tell("wrong", say("frame_script", { error }));
  }

  #replace(sentence, plain) {
    frames.delete(this.node.contentWindow);
    for (const node of this.beside) node.remove();
    this.node.replaceWith(make("p", { class: "notice" }, sentence), ...(plain ? [textNode(plain)] : []));
  }
}

/** Tell every output in a node whether the page is light or dark now. */
export function paintFrames(node, scheme) {
  for (const { contentWindow } of node.querySelectorAll("iframe.frame")) frames.get(contentWindow)?.paint(scheme);
}
