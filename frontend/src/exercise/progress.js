/** How far the reader of a page has come: kept in the browser, shown by <single-cell-progress>, saved as CSV or JSON. */
import { make, sheet } from "../dom.js";
import css from "./progress.css";
import { number, say } from "./texts.js";

const COLUMNS = ["exercise", "attempts", "correct", "points", "points_max", "hints", "solution", "first", "last"];
const VERDICT_CHARS_MAX = 20_000; // of one that is kept: a page has 5 MB for all of its cells
const exercises = new Set();
const shown = new Set(); // the elements that show it

export class Progress {
  #element;
  #key;
  #kept = {};

  constructor(element, check) {
    this.#element = element;
    this.#key = `singlecell:progress:${location.pathname}#${element.id || check || [...document.querySelectorAll("single-cell")].indexOf(element)}`;
    try {
      const kept = JSON.parse(localStorage.getItem(this.#key));
      if (kept && kept.check === check) this.#kept = kept;
    } catch {
      // No storage in this page, or not ours: what is achieved lasts as long as the page.
    }
    this.#kept = { attempts: 0, correct: false, points: 0, points_max: 0, hints: 0, solution: false, ...this.#kept, check };
    exercises.add(this);
    tell();
  }

  get attempts() {
    return this.#kept.attempts;
  }

  get isSolved() {
    return this.#kept.correct;
  }

  get verdict() {
    return this.#kept.verdict ?? null;
  }

  get node() {
    return this.#element;
  }

  get record() {
    const { verdict, check, ...record } = this.#kept;
    const place = [...document.querySelectorAll("single-cell")].indexOf(this.#element) + 1;
    return { exercise: this.#element.getAttribute("label") || this.#element.id || String(place), ...record };
  }

  /** Count an attempt, unless it ended with an error; what was once right stays so, and the best points count. */
  add(verdict) {
    const now = new Date().toISOString();
    const { attempts, correct, points, first } = this.#kept;
    const isError = verdict.type === "error" && !verdict.tests.length;
    this.note({
      attempts: attempts + !isError,
      correct: correct || verdict.correct,
      points: Math.max(points, verdict.points),
      points_max: verdict.points_max || this.#kept.points_max,
      first: first ?? now,
      last: now,
      verdict: JSON.stringify(verdict).length < VERDICT_CHARS_MAX ? verdict : undefined,
    });
  }

  note(change) {
    Object.assign(this.#kept, change);
    try {
      localStorage.setItem(this.#key, JSON.stringify(this.#kept));
    } catch {
      // As above.
    }
    tell();
  }
}

/** Return the records of all exercises of the page, in its order. */
function records() {
  const living = [...exercises].filter((progress) => progress.node.isConnected);
  const order = (one, other) => (one.node.compareDocumentPosition(other.node) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1);
  return living.sort(order).map((progress) => progress.record);
}

function tell() {
  for (const element of shown) element.show();
}

function csv(rows) {
  const field = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;
  return [COLUMNS, ...rows.map((row) => COLUMNS.map((column) => row[column]))].map((row) => `${row.map(field).join(",")}\r\n`).join("");
}

function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** Define <single-cell-progress>, once in a page. */
export function defineProgress() {
  if (customElements.get("single-cell-progress")) return;
  const styles = sheet(css);
  customElements.define("single-cell-progress", class extends HTMLElement {
    #sentence = make("p", { id: "sentence" });
    #bar = make("progress", { "aria-labelledby": "sentence" });

    /** The records, in the order of the page. */
    get records() {
      return records();
    }

    /** The records as the text of a CSV file. */
    get csv() {
      return csv(records());
    }

    connectedCallback() {
      shown.add(this);
      if (!this.shadowRoot) this.#build();
      this.show();
    }

    disconnectedCallback() {
      shown.delete(this);
    }

    #build() {
      const root = this.attachShadow({ mode: "open" });
      root.adoptedStyleSheets = [styles];
      const button = (word, onclick) => make("button", { type: "button", part: "button", onclick }, say(word));
      root.append(
        this.#sentence, this.#bar,
        button("save_csv", () => save("progress.csv", "text/csv", this.csv)),
        button("save_json", () => save("progress.json", "application/json", JSON.stringify(this.records, null, 1))),
      );
    }

    show() {
      const all = records();
      const solved = all.filter(({ correct }) => correct).length;
      const sum = (name) => number(all.reduce((total, record) => total + record[name], 0));
      this.#sentence.textContent = `${say("solved", { solved, count: all.length })} · ${say("points", { points: sum("points"), most: sum("points_max") })}`;
      this.#bar.max = Math.max(1, all.length);
      this.#bar.value = solved;
    }
  });
}
