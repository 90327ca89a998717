/** The HTTP contract of the server: the only file that calls fetch. */

// Browsers open six connections to a server; long polls take at most these, so that Stop always finds a free one.
const POLLS_MAX = 4;
const CROWDED_WAIT_S = 0.5; // of a long poll while others stand in line
const PAGE = Math.random().toString(36).slice(2); // pages of a class behind one address take turns
const ANSWER_S = 20; // a server that says nothing for this long, beyond the wait it was asked for, is away

/** The server did not answer, or answered something that is not ours. */
export class ServerAway extends Error {}

/** The server understood and said no; `message` is its sentence, in English, `kind` and `values` say the same to programs. */
export class Refused extends Error {
  constructor(status, detail, retryAfter_s, problem, challenge) {
    super(detail);
    this.challenge = challenge; // of a proof of work, which the server wants first
    this.status = status;
    this.retryAfter_s = retryAfter_s;
    const [kind, values] = (problem ?? "").split("?");
    this.kind = kind;
    this.values = Object.fromEntries(new URLSearchParams(values));
  }

  /** Whether it may say yes a moment later. */
  get isBusy() {
    return this.status === 429 || this.status === 503;
  }
}

/** The long polls of all cells of the page: those under way, and the line of those that wait for their turn. */
const polls = {
  underWay: 0,
  line: [],
  async enter() {
    if (this.underWay >= POLLS_MAX) await new Promise((resolve) => this.line.push(resolve));
    else this.underWay += 1;
    return () => {
      const next = this.line.shift();
      if (next) next();
      else this.underWay -= 1;
    };
  },
};

/** Return the text of one of our static files, `as` "text", or its bytes, "blob". */
export async function fetchFile(address, as = "text") {
  const answer = await fetch(address, { credentials: "omit" });
  if (!answer.ok) throw new ServerAway(address);
  return answer[as]();
}

/** Return the server of a cell; the page's key goes with what runs there. React and Vue keep `key` for themselves. */
export function apiOf(element) {
  return new Api(element.server, element.getAttribute("key") || element.dataset.key);
}

/** Return a key that nobody else has; `randomUUID` is there on https alone. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, 0)).join("");
}

export class Api {
  /** `key`: goes into the addresses of what runs or stores something; a header would cost a preflight request. */
  constructor(server, key = null) {
    this.server = server;
    this.key = key;
  }

  /**
   * Submit code; `files` are File objects, `buffers` those of a message. A message that `mayRepeat`, as one that sets a value, leaves no history. With the same key `once` it runs once, however often it is sent; `isFirst`: nothing that was sent with it can have been stored. Returns {id, session, language, state, sequence, messages, finished}:
   * all messages of a cell that ends within `wait_s`, so that a quick one costs one request. `proof`: of work.
   */
  submit({ files = [], buffers = [], mayRepeat, ...fields }, { once, isFirst }, wait_s, signal, proof) {
    const query = `?wait=${wait_s}&buffers=parts&page=${PAGE}`;
    const parts = [...files.map((file) => ["file", file, file.name]), ...buffers.map((buffer) => ["buffer", new Blob([buffer])])];
    if (mayRepeat) {
      const body = parts.length ? formOf({ message: fields.message }, parts) : { json: fields.message };
      return this.#call("POST", this.#keyed(`sessions/${fields.session}/comms${query}`), { ...body, signal });
    }
    let path = this.#keyed(`computations${query}`);
    // A header would cost pages of other sites a preflight request.
    const headers = new URL(this.server, location.href).origin === location.origin ? { "Idempotency-Key": once } : {};
    if (!headers["Idempotency-Key"]) path += `&idempotency_key=${once}`;
    if (isFirst) path += "&first=1";
    if (proof) path += `&proof=${proof}`;
    const body = parts.length ? formOf(fields, parts) : { json: fields };
    return this.#call("POST", path, { ...body, signal, headers });
  }

  /**
   * Return {messages, next, state, finished, queue_position, isCut}: what came after a sequence, waiting up to so many
   * seconds for it; `isCut`: nothing came, and the server had no place for so long a wait: ask again after a pause.
   */
  async messages(id, after, wait_s, signal) {
    const leave = await polls.enter();
    try {
      const wait = polls.line.length ? Math.min(wait_s, CROWDED_WAIT_S) : wait_s;
      const path = `computations/${id}/messages?after=${after}&wait=${wait}&buffers=parts`;
      const asked_ms = performance.now();
      const answer = await this.#call("GET", path, { signal, answer_s: ANSWER_S + wait });
      return { ...answer, isCut: !answer.messages.length && !answer.finished && performance.now() - asked_ms < 500 * wait };
    } finally {
      leave();
    }
  }

  computation(id, signal) {
    return this.#call("GET", `computations/${id}`, { signal });
  }

  interrupt(id) {
    return this.#call("POST", `computations/${id}/interrupt`, { json: {} });
  }

  cancel(id) {
    return this.#call("DELETE", `computations/${id}`);
  }

  answer(id, value) {
    return this.#call("POST", `computations/${id}/input`, { json: { value } });
  }

  /** Return {limits: {name: {value, unit}}, languages}. */
  limits() {
    return this.#call("GET", "limits");
  }

  /** Return the verdict of a published check on a computation whose session still lives. */
  verdict(id, check) {
    return this.#call("POST", this.#keyed(`computations/${id}/verdict`), { json: { check }, answer_s: 2 * ANSWER_S });
  }

  /** Return {state, computations: [id], …}. */
  session(id) {
    return this.#call("GET", `sessions/${id}`);
  }

  endSession(id) {
    return this.#call("DELETE", `sessions/${id}`);
  }

  languages() {
    return this.#call("GET", "languages");
  }

  /** Return the content of the reply to "complete" or "inspect"; without a session in a fresh namespace of the language. */
  introspect(kind, session, code, cursor_pos, language) {
    const json = session ? { code, cursor_pos } : { code, cursor_pos, language };
    return this.#call("POST", this.#keyed(`sessions/${session || "-"}/${kind}`), { json });
  }

  /** Return {id, url} of a short link to {code, setup, language}; without a setup none is named, as servers of old have it. */
  permalink({ setup, ...shared }) {
    return this.#call("POST", this.#keyed("permalinks"), { json: setup ? { ...shared, setup } : shared });
  }

  /** Return {code, language, setup} behind a short link. */
  permalinkContent(id) {
    return this.#call("GET", `permalinks/${encodeURIComponent(id)}`);
  }

  #keyed(path) {
    return this.key ? `${path}${path.includes("?") ? "&" : "?"}key=${encodeURIComponent(this.key)}` : path;
  }

  async #call(method, path, { json, body, signal, headers, answer_s = ANSWER_S } = {}) {
    signal?.throwIfAborted();
    const ours = new AbortController();
    const timer = setTimeout(() => ours.abort(), answer_s * 1000);
    const stop = () => ours.abort();
    signal?.addEventListener("abort", stop);
    // Without a network nothing more comes; some browsers would wait for it all the same. What was sent may have arrived.
    if (method === "GET") addEventListener("offline", stop);
    try {
      const response = await fetch(new URL(path, this.server), {
        method,
        headers,
        // A string goes out as text/plain, which needs no preflight request from another origin.
        body: json === undefined ? body : JSON.stringify(json),
        signal: ours.signal,
        credentials: "omit",
        cache: "no-store",
        referrerPolicy: "no-referrer",
      });
      return await read(response);
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (error instanceof Refused) throw error;
      throw new ServerAway(error.message);
    } finally {
      clearTimeout(timer);
      removeEventListener("offline", stop);
      signal?.removeEventListener("abort", stop);
    }
  }
}

/** Return how to send fields with files, or with the buffers of a message. */
function formOf(fields, parts) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined) body.append(name, name === "message" ? JSON.stringify(value) : value);
  for (const part of parts) body.append(...part);
  return { body, answer_s: 120 };
}

/** Return an answer that came in parts: buffers of its messages as bytes, where in JSON they are base64. */
async function joined(form) {
  const answer = JSON.parse(form.get("answer"));
  const buffers = await Promise.all(form.getAll("buffer").map((part) => part.arrayBuffer()));
  for (const message of answer.messages) if (message.buffers) message.buffers = buffers.splice(0, message.buffers);
  return answer;
}

async function read(response) {
  const type = response.headers.get("Content-Type") ?? "";
  if (response.ok && type.startsWith("multipart/")) return joined(await response.formData());
  const isJson = /[/+]json\b/.test(type);
  const answer = isJson ? await response.json() : null;
  if (response.ok && isJson) return answer;
  const { status, headers } = response;
  if (answer?.detail && status !== 502 && status !== 504) {
    throw new Refused(status, answer.detail, Number(headers.get("Retry-After")) || undefined, headers.get("Singlecell-Problem") ?? answer.reason, answer.challenge);
  }
  throw new ServerAway(`status ${status}`);
}
