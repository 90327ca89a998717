/** The files that the reader has attached: each run gets them, until they are removed. */
import { Api } from "./api.js";
import { humanSize } from "./mime/files.js";
import { say } from "./texts.js";

const NAME_BYTES_MAX = 255; // as contract.py has it
const UNSHOWN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/u; // likewise
const REST_BYTES = 4096; // of a request that is not in its files: the heads of its parts, and the shortest code

export class Attachments {
  #server;
  #show;
  #files = [];
  #limits = null;

  /** A promise while files are being looked at and read, else null. */
  pending = null;

  /** `show(files, problems)`: shows what is attached now, and a sentence for each file that is not. */
  constructor(server, show) {
    this.#server = server;
    this.#show = show;
  }

  get files() {
    return [...this.#files];
  }

  /** Attach files; one takes the place of an earlier one of its name. What the server would refuse is said at once. */
  add(files) {
    const pending = (this.pending ?? Promise.resolve()).then(() => this.#add(files)).finally(() => {
      if (this.pending === pending) this.pending = null;
    });
    this.pending = pending;
  }

  remove(file) {
    this.#files = this.#files.filter((one) => one !== file);
    this.#show(this.files, []);
  }

  async #add(files) {
    const limits = await this.#limitsOf();
    const problems = [];
    for (const file of files) {
      const others = this.#files.filter(({ name }) => name !== file.name);
      const problem = problemOf(file, others, limits);
      const copy = problem ? null : await copyOf(file);
      if (copy) this.#files = [...others, copy];
      else problems.push(problem ?? say("file_unreadable", { name: file.name }));
    }
    this.#show(this.files, problems);
  }

  /** Return the server's limits by name; without an answer the server itself says what it refuses. */
  async #limitsOf() {
    this.#limits ??= new Api(this.#server).limits();
    try {
      return (await this.#limits).limits;
    } catch {
      this.#limits = null;
      return {};
    }
  }
}

/** Return why a file cannot be attached beside these others, as a sentence; null when it can. */
function problemOf({ name, size }, others, limits) {
  const most = (limit) => limits[limit]?.value ?? Infinity;
  const all_bytes_max = most("request_bytes_max") - REST_BYTES;
  const file_bytes_max = Math.min(most("cell_file_bytes_max"), all_bytes_max);
  if (UNSHOWN.test(name) || new TextEncoder().encode(name).length > NAME_BYTES_MAX) return say("file_name", { name });
  if (size > file_bytes_max) return say("file_long", { name, size: humanSize(file_bytes_max, true) });
  if (others.length >= most("cell_files_max")) return say("files_many", { name, count: most("cell_files_max") });
  const sum_bytes = others.reduce((bytes, other) => bytes + other.size, size);
  return sum_bytes > all_bytes_max ? say("files_large", { name, size: humanSize(all_bytes_max, true) }) : null;
}

/** Return the file as it is now, to be sent more than once whatever becomes of it on the disk; null when it cannot be read. */
async function copyOf(file) {
  try {
    return new File([await file.arrayBuffer()], file.name, { type: file.type });
  } catch {
    return null; // a folder, or a file that is no longer there
  }
}
