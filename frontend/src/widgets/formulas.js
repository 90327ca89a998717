/** Sets formulas in labels and texts of controls, as in other outputs; what does so is asked for with the first formula. */

const MAYBE = /\$[^$]+\$|\\\(|\\\[|\\begin\{/;
const ID = "singlecell-formulas"; // math/math.js looks for it
let isAsked = false;

export const latexTypesetter = {
  typeset(element) {
    if (!MAYBE.test(element.textContent)) return;
    if (document.getElementById(ID)) return void dispatchEvent(new Event(ID));
    if (isAsked) return;
    isAsked = true;
    addEventListener("message", bring);
    parent.postMessage({ script: ID }, "*");
  },
};

function bring({ source, data }) {
  if (source !== parent || data?.script !== ID || typeof data.text !== "string") return;
  removeEventListener("message", bring);
  const script = document.createElement("script");
  Object.assign(script, { type: "module", id: ID, textContent: data.text });
  document.head.append(script);
}
