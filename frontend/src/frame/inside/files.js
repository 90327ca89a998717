/** What an output shows by the name of a file: the page hands the file in. What it shows of other servers, the page is told. */
import { fileName } from "../../file_names.js";
import { absolute, tellBlockedIn } from "./blocked.js";
import { tell } from "./tell.js";

const SHOWN = { IMG: ["src"], INPUT: ["src"], AUDIO: ["src"], SOURCE: ["src"], TRACK: ["src"], VIDEO: ["src", "poster"], image: ["href", "xlink:href"] };
const FRAMES = { IFRAME: "src", EMBED: "src", OBJECT: "data" };
const OTHERS = { SCRIPT: "src", LINK: "href" };
const NAMES = [...Object.keys(SHOWN), ...Object.keys(FRAMES), ...Object.keys(OTHERS)].join(", ");
const ATTRIBUTES = ["src", "poster", "href", "xlink:href", "data", "srcdoc"];
const WANTED_MAX = 100; // a run leaves no more files
const ELSEWHERE = /^(?:https?:|[/\\]{2})/i;

const wanted = new Map(); // path → functions that want the file

export function showFiles() {
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || typeof data?.want !== "string") return;
    const show = wanted.get(data.want) ?? [];
    wanted.delete(data.want);
    if (data.blob instanceof Blob) for (const each of show) each(data.blob);
  });
  const observer = new MutationObserver((changes) => {
    for (const { type, target, addedNodes } of changes) for (const node of type === "attributes" ? [target] : addedNodes) look(node);
  });
  observer.observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ATTRIBUTES });
}

function look(node) {
  if (!(node instanceof Element)) return;
  for (const element of [node, ...node.querySelectorAll(NAMES)]) lookAt(element);
}

function lookAt(element) {
  const { nodeName: name } = element;
  for (const attribute of SHOWN[name] ?? []) want(element, attribute, (blob) => showIn(element, attribute, blob));
  if (FRAMES[name]) lookAtFrame(element, FRAMES[name]);
  else if (OTHERS[name]) want(element, OTHERS[name], async (blob) => putIn(element, await blob.text()));
}

/** Ask for the file that an attribute names, and call back when it is there and still named. */
function want(element, attribute, show) {
  const address = element.getAttribute(attribute);
  const path = fileName(address);
  if (!path) return;
  const shown = (blob) => element.getAttribute(attribute) === address && show(blob);
  if (wanted.has(path)) wanted.get(path).push(shown);
  else if (wanted.size < WANTED_MAX) {
    wanted.set(path, [shown]);
    tell({ want: path });
  }
}

function showIn(element, attribute, blob) {
  element.setAttribute(attribute, URL.createObjectURL(blob));
  if (element.nodeName === "SOURCE") element.parentElement?.load?.();
}

function putIn(element, text) {
  const isScript = element.nodeName === "SCRIPT";
  if (!isScript && element.rel !== "stylesheet") return;
  const made = document.createElement(isScript ? "script" : "style");
  if (isScript && element.type) made.type = element.type;
  made.textContent = text;
  element.replaceWith(made);
}

function lookAtFrame(element, attribute) {
  const address = element.getAttribute(attribute) ?? "";
  if (!element.isConnected) return;
  if (element.hasAttribute("srcdoc")) return tellBlockedIn(element.getAttribute("srcdoc"));
  if (!ELSEWHERE.test(address)) return want(element, attribute, (blob) => frameFile(element, address, blob));
  const { width, height } = element.attributes;
  tell({ embed: absolute(address) ?? "", width: width?.value, height: height?.value });
  element.remove(); // it would be an empty box
}

/** Show a file in the place of its frame: a document in one, a picture by itself, of all else a link. */
async function frameFile(element, address, blob) {
  const type = blob.type.split(";")[0];
  if (type === "text/html") {
    const frame = document.createElement("iframe");
    for (const { name, value } of element.attributes) if (name !== FRAMES[element.nodeName]) frame.setAttribute(name, value);
    frame.srcdoc = await blob.text();
    return element.replaceWith(frame);
  }
  const isPicture = type.startsWith("image/");
  const made = document.createElement(isPicture ? "img" : "a");
  if (isPicture) made.src = URL.createObjectURL(blob);
  else made.href = made.textContent = address;
  element.replaceWith(made);
}
