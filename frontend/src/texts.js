/** Every sentence of the interface, in the language of the page (`lang`) or of the browser. */
import { loadPart, partAddress } from "./lazy.js";
import en from "./texts/en.js";

let language = "en";
let texts = en;
let loading = null;
const missing = new Set(); // languages whose texts did not come

/**
 * Choose the first of these languages that we have. English is here; the texts of another language are loaded, and until the
 * promise that is returned then resolves, and where they do not come, English is spoken. Returns null when there is nothing to wait for.
 */
export function speak(...candidates) {
  const known = candidates.map((tag) => (tag ?? "").toLowerCase().split("-")[0]).find((tag) => tag === "en" || partAddress(`texts-${tag}`));
  if (!known || known === language || missing.has(known)) return null;
  if (known === "en") {
    [language, texts] = ["en", en];
    return null;
  }
  loading = loadPart(`texts-${known}`).then(
    (part) => ([language, texts] = [known, part.default]),
    () => missing.add(known),
  );
  return loading;
}

/** Call back now, and once more when the texts that are being loaded are there. */
export function whenSpoken(callback) {
  callback();
  loading?.then(callback);
}

export function isEnglish() {
  return language === "en";
}

/** Return the language that is spoken. */
export function spoken() {
  return language;
}

/** Return whether there is a sentence of this name. */
export function knows(key) {
  return Object.hasOwn(en, key);
}

/** Return a sentence, `{name}` in it replaced by `values.name`. */
export function say(key, values = {}) {
  const sentence = texts[key] ?? en[key];
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
