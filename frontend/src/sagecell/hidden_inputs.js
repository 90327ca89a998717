/** Hidden inputs in an output's HTML, which graders such as WeBWorK's find in the form around the cell. */
import { make } from "../dom.js";

const INPUTS_MAX = 100; // of one output

/**
 * Return new hidden inputs with the names and values of those in the HTML. `names`: those that are wanted, or one, or true for
 * all but those that the form has already: an output must not answer for the page.
 */
export function hiddenInputs(untrusted_html, names, form) {
  if (typeof untrusted_html !== "string" || !/<input/i.test(untrusted_html)) return [];
  const wanted = (name) => (names === true ? name && !(form && name in form) : [names].flat().includes(name));
  return parsed(untrusted_html)
    .filter(({ name }) => wanted(name))
    .slice(0, INPUTS_MAX)
    .map(({ name, value }) => make("input", { type: "hidden", name, value }));
}

/** The document that is parsed runs nothing and loads nothing; pages with Trusted Types forbid even that. */
function parsed(html) {
  try {
    return [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("input[type=hidden i]")];
  } catch (error) {
    console.warn("sagecell: this page's policy keeps hidden inputs from being copied.", error);
    return [];
  }
}
