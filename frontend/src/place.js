/** Where this script came from, and so where its server and its other parts are. */
import { fetchText } from "./api.js";

// As a classic script (embedded_sagecell.js) there is no import.meta.
const script = new URL(import.meta.url ?? (document.currentScript?.src || lastOfOurs()));

/** Evaluated as text (jQuery's getScript), a script has no address of its own. */
function lastOfOurs() {
  const addresses = [...document.scripts].map((node) => node.src);
  return addresses.reverse().find((address) => /\/embedded_s(?:age|ingle)cell\.js/.test(address)) ?? document.baseURI;
}

/** Address of the server that served this script, with a slash at its end. */
export const ownServer = new URL(/\/static\/[^/]*$/.test(script.pathname) ? ".." : ".", script).href;

/** Return the address of a part of the front end ("frame", "math", …). */
export function partAddress(name) {
  return new URL(`static/singlecell/${PARTS[name]}`, ownServer).href;
}

const loads = new Map();

/** Load something once; a failed load may be tried again. */
function once(name, load) {
  if (!loads.has(name)) {
    const loading = load();
    loads.set(name, loading);
    loading.catch(() => loads.delete(name));
  }
  return loads.get(name);
}

/** Load a part that is a module. */
export function loadPart(name) {
  return once(name, () => import(partAddress(name)));
}

/** Load the text of a library that outputs draw with. */
export function loadLibrary(file) {
  return once(file, () => fetchText(new URL(`static/libraries/${file}`, ownServer)));
}
