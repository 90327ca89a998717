/** Loads the parts of the front end and the libraries that outputs draw with, each when it is first needed, and once. */
import { fetchFile } from "./api.js";
import { ownServer } from "./script_location.js";

/** Return the address of a part of the front end ("frame", "math", …), null when there is none of this name. */
export function partAddress(name) {
  return Object.hasOwn(PARTS, name) ? new URL(`static/singlecell/${PARTS[name]}`, ownServer).href : null;
}

const loads = new Map(); // name of a part, file, server or session → promise

/** Load something once; a failed load may be tried again. */
export function once(name, load) {
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

const presses = {}; // name of a part → the last press that asked for it

/** Load a part to open something with it. Who presses again while it comes opens it once, for what was pressed last. */
export async function openPart(name, open) {
  const press = (presses[name] = {});
  const part = await loadPart(name);
  if (presses[name] === press) open(part);
}

/** Load the text of a library that outputs draw with, or a font of formulas as a data address. */
export function loadLibrary(file) {
  if (file.endsWith(".woff2")) return once(file, () => loadFont(file));
  const folder = file === PARTS.math || file === PARTS.widgets ? "singlecell" : "libraries";
  return once(file, () => fetchFile(new URL(`static/${folder}/${file}`, ownServer)));
}

async function loadFont(file) {
  const reader = new FileReader();
  reader.readAsDataURL(await fetchFile(new URL(`static/singlecell/fonts/${file}`, ownServer), "blob"));
  await new Promise((resolve) => reader.addEventListener("load", resolve));
  return reader.result;
}
