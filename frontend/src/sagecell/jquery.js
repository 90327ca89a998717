/**
 * jQuery for pages that have none, as SageMathCell brings it along: they say `$(function () {…})`, and write selectors that
 * only jQuery knows. It comes from our server when it is first asked for, and at once: what follows in a page needs it then.
 */
import { ownServer } from "../script_location.js";

const NAMES = ["jQuery", "$"];

/** Let a page that has no jQuery find ours under both of its names; a name that the page has, or gives later, is its own. */
export function offerJquery() {
  if (isOffered("jQuery") || globalThis.jQuery !== undefined) return;
  for (const name of NAMES.filter((name) => globalThis[name] === undefined)) {
    const set = (value) => Object.defineProperty(globalThis, name, { configurable: true, enumerable: true, writable: true, value });
    Object.defineProperty(globalThis, name, { configurable: true, enumerable: true, set, get: () => (load(), globalThis[name]) });
  }
}

/** Return the page's jQuery, or ours; undefined where neither can be had. */
export function pagesJquery() {
  return typeof globalThis.jQuery === "function" ? globalThis.jQuery : undefined;
}

function isOffered(name) {
  return Object.getOwnPropertyDescriptor(globalThis, name)?.get !== undefined;
}

function load() {
  const kept = NAMES.filter((name) => !isOffered(name)).map((name) => [name, globalThis[name]]);
  for (const name of NAMES.filter(isOffered)) delete globalThis[name];
  try {
    const request = new XMLHttpRequest();
    request.open("GET", `${ownServer}static/jquery.min.js`, false);
    request.send();
    if (request.status !== 200) throw new Error(`status ${request.status}`);
    const script = document.createElement("script");
    // Those who ask are no loader of modules: such a one must not take it for the page's own.
    script.text = `(function (define, module, exports) {${request.responseText}\n}).call(window)`;
    document.head.append(script);
    script.remove();
    for (const [name, value] of kept) globalThis[name] = value;
  } catch (error) {
    console.warn("sagecell: jQuery cannot be had here.", error);
  }
}
