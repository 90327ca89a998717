/** A script element that is given the address of a library at run time gets our own copy of it. */
import { tell } from "./tell.js";

export function answerScripts() {
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
