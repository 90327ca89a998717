/**
 * Between the page and an output: holds the output in a frame of its own and passes on what little it may say.
 *
 * The output's document inherits this one's policy. Because that allows no frame an address, the output cannot navigate
 * itself either: without this second frame, `location = "https://…"` would be a way out to any server.
 */
import { compose } from "./document.js";
import { libraryAt } from "./libraries.js";

const asked = new Map(); // file of a library → {text: Promise, settle}
let output = null;
let scheme = null; // a later one than the output began with

// Opened by itself, on our server's own origin, this page must do nothing with what anyone sends it.
if (self.origin === "null" && parent !== self) {
  addEventListener("message", ({ source, data }) => {
    if (output && source === output.contentWindow) fromOutput(data);
    else if (source === parent) fromPage(data);
  });
  // Blocked here, and not in the output's own document: it tried to leave.
  document.addEventListener("securitypolicyviolation", () => tell({ failed: true }));
}

function tell(message) {
  parent.postMessage(message, "*");
}

function fromPage(message) {
  if (message.file) asked.get(message.file).settle(message.text);
  else if (message.want || message.controls) output.contentWindow?.postMessage(message, "*");
  else if (!output) show(message);
  else if (message.scheme) {
    ({ scheme } = message);
    paint();
  }
}

function paint() {
  if (scheme) output.contentWindow?.postMessage({ scheme }, "*");
}

async function show(content) {
  output = document.createElement("iframe");
  output.setAttribute("sandbox", "allow-scripts");
  output.title = content.title;
  output.addEventListener("load", paint); // before, nobody would have heard
  try {
    output.srcdoc = await compose(content, library);
    document.body.append(output);
  } catch (error) {
    console.warn(error);
    tell({ failed: true });
  }
}

/** Return the text of a file of ours; the page asks for it, since a sandboxed frame's own requests are never cached. */
function library(file) {
  if (!asked.has(file)) {
    const entry = {};
    entry.text = new Promise((resolve, reject) => {
      entry.settle = (text) => (typeof text === "string" ? resolve(text) : reject(new Error(file)));
    });
    asked.set(file, entry);
    tell({ need: file });
  }
  return asked.get(file).text;
}

function fromOutput(untrusted_message) {
  const { height, link, file, want, embed, failed, blocked, wrong, script, touched, picture, controls } = untrusted_message ?? {};
  if (controls !== undefined) return tell({ controls });
  if (typeof script === "string") return answerScript(script);
  if (picture !== undefined) return tell({ picture });
  if (touched) return tell({ touched: true });
  if (failed) return tell({ failed: true });
  if (typeof blocked === "string") return tell({ blocked });
  if (typeof wrong === "string") return tell({ wrong });
  if (typeof link === "string") return tell({ link });
  if (typeof file === "string") return tell({ file });
  if (typeof want === "string") return tell({ want });
  if (typeof embed === "string") return tell({ embed, width: untrusted_message.width, height: untrusted_message.height });
  tell({ height: Number(height) });
}

/** The output's own script made a script element with the address of a library that we have. */
async function answerScript(untrusted_address) {
  const file = untrusted_address === "singlecell-formulas" ? MATH : libraryAt(untrusted_address);
  const text = file ? await library(file).catch(() => null) : null;
  output.contentWindow.postMessage({ script: untrusted_address, text }, "*");
}
