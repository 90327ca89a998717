/** The attributes of the element, read in one place. */
import { languageLabel } from "./languages.js";

const TEMPLATES = {
  minimal: { readonly: true, hide: ["editor", "files", "share", "menu"] },
  restricted: { readonly: true, hide: ["files", "share"] },
};

export function optionsOf(element) {
  const template = TEMPLATES[element.getAttribute("template")] ?? { readonly: false, hide: [] };
  return {
    readonly: element.hasAttribute("readonly") || template.readonly,
    hide: [...template.hide, ...words(element.getAttribute("hide"))],
    folding: element.hasAttribute("collapsed") ? (element.getAttribute("collapsed") === "false" ? "open" : "closed") : null,
    runLabel: element.getAttribute("run-label"),
    keepOutput: element.hasAttribute("keep-output"),
    autorun: element.getAttribute("autorun"),
    stdin: element.getAttribute("stdin") !== "off",
    lineNumbers: element.hasAttribute("line-numbers"),
    markedLines: element.getAttribute("mark-lines"),
    lines: { min: element.getAttribute("min-lines"), max: element.getAttribute("max-lines") },
    placeholder: element.getAttribute("placeholder"),
    frameHosts: element.getAttribute("frame-hosts"),
    languages: words(element.getAttribute("languages")),
  };
}

export function labelOf(element) {
  const language = element.getAttribute("language") ?? "python";
  return element.getAttribute("label") || languageLabel(language);
}

function words(text) {
  return (text ?? "").split(/[\s,]+/).filter(Boolean);
}
