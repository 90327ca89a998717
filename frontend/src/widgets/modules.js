/**
 * Scripts of other packages' controls: modules of AMD, as classic notebooks load them from the folder `nbextensions` of the
 * installed package. The page hands in their texts.
 */
import { tell } from "../frame/inside/tell.js";

/** There is no such script here; the page says so. */
export class MissingModule extends Error {}

const asked = new Map(); // name → {module: Promise, settle(text)}
let turn = Promise.resolve(); // one at a time, so that a call of `define` belongs to the script that runs

/** Return a promise of a module; `own`: those that are here, by name. Rejects where there is none. */
export function loadModule(name, own) {
  if (Object.hasOwn(own, name)) return Promise.resolve(own[name]);
  if (!asked.has(name)) {
    const entry = {};
    const text = new Promise((resolve) => (entry.settle = resolve));
    entry.module = text.then((found) => {
      if (typeof found !== "string") throw new MissingModule(name);
      return make(name, found, own);
    });
    asked.set(name, entry);
    tell({ controls: { module: name } });
  }
  return asked.get(name).module;
}

/** Take the text of a script that was asked for, null where there is none. */
export function takeModule({ name, text }) {
  asked.get(name)?.settle(text);
}

async function make(name, text, own) {
  const running = turn.then(() => run(text));
  turn = running.catch(() => {});
  const [needs, factory] = await running;
  if (typeof factory !== "function") return factory;
  const module = { exports: {} };
  const special = { module, exports: module.exports, require: () => ({}) };
  const given = await Promise.all(needs.map((need) => special[need] ?? loadModule(need, own)));
  return factory(...given) ?? module.exports;
}

/** Run a script; return what it hands to `define`: the names of what it needs, and what makes it. Some look for their own element. */
function run(text) {
  return new Promise((resolve, reject) => {
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const script = document.createElement("script");
    let defined = null;
    globalThis.define = Object.assign((...given) => {
      const makes = given.pop();
      defined ??= [Array.isArray(given.at(-1)) ? given.at(-1) : [], makes];
    }, { amd: {} });
    const end = () => {
      delete globalThis.define;
      URL.revokeObjectURL(address);
      script.remove();
      if (defined) resolve(defined);
      else reject(new Error("The script of a control defines nothing."));
    };
    Object.assign(script, { src: address, onload: end, onerror: end });
    document.head.append(script);
  });
}
