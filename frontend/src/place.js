/** Where this script came from, and so where its server and its other parts are. */

// As a classic script (embedded_sagecell.js) there is no import.meta.
const script = new URL(import.meta.url ?? document.currentScript.src);

/** Address of the server that served this script, with a slash at its end. */
export const ownServer = new URL(/\/static\/[^/]*$/.test(script.pathname) ? ".." : ".", script).href;

/** Return the address of a part of the front end ("frame", "math", …). */
export function partAddress(name) {
  return new URL(`static/singlecell/${PARTS[name]}`, ownServer).href;
}

/** Return the address of one of KaTeX's fonts. */
export function fontAddress(file) {
  return new URL(`static/singlecell/fonts/${file}`, ownServer).href;
}

const modules = new Map();

/** Load a part that is a module, once; a failed load may be tried again. */
export function loadPart(name) {
  if (!modules.has(name)) {
    const loading = import(partAddress(name));
    modules.set(name, loading);
    loading.catch(() => modules.delete(name));
  }
  return modules.get(name);
}
