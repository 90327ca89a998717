/** Every sentence of the interface, in the language of the page (`lang`) or of the browser. */
import ar from "./texts/ar.js";
import de from "./texts/de.js";
import en from "./texts/en.js";
import fr from "./texts/fr.js";

const TEXTS = { en, ar, de, fr };

let language = "en";

/** Choose the first of these languages that we have. */
export function speak(...candidates) {
  const known = candidates.map((tag) => (tag ?? "").toLowerCase().split("-")[0]).find((tag) => tag in TEXTS);
  language = known ?? "en";
}

/** Return the language that is spoken. */
export function spoken() {
  return language;
}

/** Return whether there is a sentence of this name. */
export function knows(key) {
  return key in en;
}

/** Return a sentence, `{name}` in it replaced by `values.name`. */
export function say(key, values = {}) {
  const sentence = TEXTS[language][key] ?? en[key];
  return sentence.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Return a duration in seconds as people read it. */
export function duration(seconds) {
  if (seconds < 60) {
    const digits = seconds < 10 ? 1 : 0;
    return `${seconds.toLocaleString(language, { minimumFractionDigits: digits, maximumFractionDigits: digits })} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")} min`;
}
