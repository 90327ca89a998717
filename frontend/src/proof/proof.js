/** Does the work that the server asks for under load, as ALTCHA has it. Loaded when it asks; the reader has nothing to do. */
import { search } from "./search.js";

const TRIES = 2000; // between two looks at the clock
const SLICE_MS = 12; // a frame has 16

/** Return the proof for a challenge. Rejects when the signal comes, or there is none. */
export async function prove(asked, signal) {
  const number = await inWorker(asked, signal).catch(() => inSlices(asked, signal));
  if (number === null) throw new Error("no number solves the challenge");
  const { algorithm, challenge, salt, signature } = asked;
  const proof = btoa(JSON.stringify({ algorithm, challenge, number, salt, signature }));
  return proof.replaceAll("+", "-").replaceAll("/", "_");
}

/** A worker of the server's script would be of another origin than the page: it is made of its text. */
async function inWorker(asked, signal) {
  const address = URL.createObjectURL(new Blob([WORKER], { type: "text/javascript" }));
  let worker;
  try {
    worker = new Worker(address);
    return await new Promise((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject; // the page's policy allows none
      signal.addEventListener("abort", reject);
      worker.postMessage(asked);
    });
  } finally {
    worker?.terminate();
    URL.revokeObjectURL(address);
  }
}

async function inSlices(asked, signal) {
  let since = performance.now();
  for (let from = 0; from <= asked.maxnumber; from += TRIES) {
    signal.throwIfAborted();
    const number = search(asked, from, Math.min(from + TRIES, asked.maxnumber + 1));
    if (number !== null) return number;
    if (performance.now() - since < SLICE_MS) continue;
    await new Promise((resolve) => setTimeout(resolve));
    since = performance.now();
  }
  return null;
}
