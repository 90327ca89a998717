/** The sentences of exercises, in the languages of the interface. */
import ar from "./texts/ar.js";
import de from "./texts/de.js";
import en from "./texts/en.js";
import es from "./texts/es.js";
import fr from "./texts/fr.js";
import hi from "./texts/hi.js";
import ja from "./texts/ja.js";
import pt from "./texts/pt.js";
import zh from "./texts/zh.js";

const TEXTS = { ar, de, en, es, fr, hi, ja, pt, zh };
let language = "en";

/** Speak the language that the cells speak. */
export function speak(name) {
  language = name;
}

/** Return a sentence, `{name}` in it replaced by `values.name`. */
export function say(key, values = {}) {
  const sentence = TEXTS[language]?.[key] ?? en[key];
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Return a number as people read it. */
export function number(value) {
  return value.toLocaleString(language, { maximumFractionDigits: 2 });
}
