/** First in the document of every output: says how high it is, which link was clicked and what it could not do. */
import { draw } from "./charts/index.js";

const GROWTHS_MAX = 6;

let told = -1;
let growths = 0; // in a row, each after we were given the height asked for: the output grows with its frame
let blocked = false;

function tell(message) {
  parent.postMessage(message, "*");
}

function tellHeight() {
  const { body, documentElement: root } = document;
  // An author who hides what is below the window's edge draws for the window, whatever its height.
  if (!body || (root.classList.contains("whole") && getComputedStyle(body).overflowY === "hidden")) return;
  const scrollbar = innerHeight - root.clientHeight;
  const height = Math.ceil(Math.max(root.getBoundingClientRect().height, body.scrollHeight) + scrollbar);
  if (height === told) return;
  growths = height > told && Math.abs(innerHeight - told) <= 1 ? growths + 1 : 0;
  if (growths > GROWTHS_MAX) return;
  told = height;
  tell({ height });
}

/** A link would open inside the frame, or nowhere; the page offers it to the reader instead. */
function tellLink(event) {
  const link = event.composedPath().find((node) => node instanceof Element && node.localName === "a");
  const address = link?.href?.baseVal ?? link?.href;
  if (!address || event.defaultPrevented) return;
  event.preventDefault();
  const place = /^#(.*)/.exec(link.getAttribute("href") ?? address);
  // Here `#place` would be relative to the address of the frame around, and so leave this document.
  if (place) document.getElementById(decodeURIComponent(place[1]))?.scrollIntoView();
  else tell({ link: address });
}

function tellBlocked() {
  if (blocked) return;
  blocked = true;
  tell({ blocked: true });
}

/** A script element that is given the address of a library at run time gets our own copy of it. */
function answerScripts() {
  const { get, set } = Object.getOwnPropertyDescriptor(HTMLScriptElement.prototype, "src");
  const waiting = new Map(); // address → elements
  Object.defineProperty(HTMLScriptElement.prototype, "src", {
    configurable: true,
    enumerable: true,
    get,
    set(value) {
      const address = String(value);
      if (!waiting.has(address)) waiting.set(address, []);
      waiting.get(address).push(this);
      tell({ script: address });
    },
  });
  addEventListener("message", ({ source, data }) => {
    if (source !== parent || typeof data?.script !== "string") return;
    for (const element of waiting.get(data.script) ?? []) {
      if (data.text === null) {
        set.call(element, data.script);
        continue;
      }
      element.text = data.text; // runs it when it is in the document
      element.dispatchEvent(new Event("load"));
    }
    waiting.delete(data.script);
  });
}

answerScripts();
addEventListener("click", tellLink);
addEventListener("load", tellHeight, true);
addEventListener("resize", tellHeight);
document.addEventListener("securitypolicyviolation", tellBlocked);
document.addEventListener("DOMContentLoaded", () => {
  const observer = new ResizeObserver(tellHeight);
  observer.observe(document.documentElement);
  observer.observe(document.body);
  tellHeight();
  const data = document.getElementById("chart-data");
  const place = document.getElementById("chart");
  if (!data || !place) return;
  draw(place, JSON.parse(data.textContent), tell).then(tellHeight, (error) => {
    console.warn(error);
    tell({ failed: true });
  });
});
