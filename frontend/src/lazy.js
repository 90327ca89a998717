/** Loads the parts of the front end and the libraries that outputs draw with, each when it is first needed, and once. */
import { fetchText } from "./api.js";
import { ownServer } from "./script_location.js";

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
