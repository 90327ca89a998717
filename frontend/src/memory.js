/** What a page remembers of a cell, in the browser's local storage: the reader's code and language, and the last computation. */

const PREFIX = "singlecell:";
const FIELDS_MAX_BYTES = 200_000; // a page may hold 5 MB for all of its cells

export class Memory {
  #key;
  #author;
  #content = {};

  /** Cells are told apart by their `id`, else by their place on the page; another author's text makes another cell. */
  constructor(element, author) {
    const place = element.id || [...document.querySelectorAll("single-cell")].indexOf(element);
    this.#key = `${PREFIX}${location.pathname}${location.search}#${place}`;
    this.#author = author;
    try {
      const content = JSON.parse(localStorage.getItem(this.#key));
      if (content?.author === author) this.#content = content;
    } catch {
      // No storage in this page (a sandbox, a strict browser), or not ours: the cell works without.
    }
  }

  get code() {
    return this.#content.code;
  }

  set code(code) {
    if (code === (this.code ?? this.#author)) return; // the editor says so, too, when it only changes its colours
    this.#save({ code: code === this.#author ? undefined : code });
  }

  /** The language that the reader has chosen, or null. */
  get language() {
    return this.#content.language ?? null;
  }

  set language(name) {
    this.#save({ language: name ?? undefined });
  }

  get computation() {
    return this.#content.computation ?? null;
  }

  set computation(id) {
    this.#save({ computation: id ?? undefined });
  }

  forget() {
    this.#content = {};
    try {
      localStorage.removeItem(this.#key);
    } catch {
      // As above.
    }
  }

  #save(change) {
    this.#content = { ...this.#content, ...change, author: this.#author };
    try {
      if (!Object.keys(this.#content).some((name) => name !== "author" && this.#content[name] !== undefined)) localStorage.removeItem(this.#key);
      else {
        const text = JSON.stringify(this.#content);
        if (text.length < FIELDS_MAX_BYTES) localStorage.setItem(this.#key, text);
      }
    } catch {
      // Full, or forbidden: the code stays in the editor all the same.
    }
  }
}

/** The language that the reader chose last on a page of this site where exactly these were offered, or null. */
export function choiceAmong(languages) {
  try {
    return localStorage.getItem(placeOf(languages));
  } catch {
    return null; // no storage, as above
  }
}

export function rememberChoice(languages, name) {
  try {
    localStorage.setItem(placeOf(languages), name);
  } catch {
    // As above.
  }
}

function placeOf(languages) {
  return `${PREFIX}among ${[...languages].sort()}`;
}
