/** The files of a run, for outputs that show them by their names: they come after the outputs, at the end of the run. */
import { fetchFile } from "./api.js";
import { possibleNames } from "./file_names.js";

/** A file that the code has written, with its `address` on our server, or that the reader has attached, as a `blob`. */
export class CellFile {
  #loading = null;
  #picture = null; // of it in the list of files
  #isShown = false;

  constructor({ name, type, size, address = null, blob = null }) {
    Object.assign(this, { name, type, size, address, blob });
  }

  /** Return its content as a Blob; each file is loaded once. */
  load() {
    if (!this.#loading) {
      this.#loading = this.blob ? Promise.resolve(this.blob) : fetchFile(this.address, "blob");
      this.#loading.catch(() => (this.#loading = null));
    }
    return this.#loading;
  }

  /** Below the outputs a picture stands only as long as no output shows it. */
  set picture(node) {
    this.#picture = node;
    if (this.#isShown) node.remove();
  }

  isShown() {
    this.#isShown = true;
    this.#picture?.remove();
  }
}

/** The files that outputs of one run may show: those of the kernel that they come from. */
export class RunFiles {
  #known;
  #waiting = [];
  #isOver = false;

  /** `known`: name → CellFile, those of earlier runs in the same kernel. */
  constructor(known = new Map()) {
    this.#known = known;
  }

  add(file) {
    this.#known.set(file.name, file);
    this.#waiting = this.#waiting.filter(({ path, settle }) => {
      const found = this.#find(path);
      if (found) settle(found);
      return !found;
    });
  }

  /** The run is over: no file comes any more. */
  end() {
    this.#isOver = true;
    for (const { settle } of this.#waiting.splice(0)) settle(null);
  }

  /** Return the file that an output means by a path, when it is there; null when the run is over and it is not. */
  find(path) {
    const found = this.#find(path);
    if (found || this.#isOver) return Promise.resolve(found);
    return new Promise((settle) => this.#waiting.push({ path, settle }));
  }

  #find(path) {
    const name = possibleNames(path).find((name) => this.#known.has(name));
    return name === undefined ? null : this.#known.get(name);
  }
}
