/** Searches in a worker: the page hears clicks meanwhile. */
import { search } from "./search.js";

addEventListener("message", ({ data }) => postMessage(search(data, 0, data.maxnumber + 1)));
