/** How outputs name the files that their code has written: beside a page, in the work directory, or as SageMathCell does. */

const OF_THE_CELL = /^(?:cell:\/*|(?:file:\/\/)?\/home\/cell\/)/i;
const NO_FILE = /^(?:[a-z][a-z0-9+.-]*:|[/\\#?])/i; // another scheme, another server, a place in the same document
const CHARS_MAX = 500;

/** Return what of an address names a file of the cell, or null. */
export function fileName(untrusted_address) {
  const path = String(untrusted_address ?? "").trim().replace(OF_THE_CELL, "").replace(/^(?:\.\/)+/, "");
  return path && path.length <= CHARS_MAX && !NO_FILE.test(path) ? path : null;
}

/** Return the names that a path can mean: as it stands, without what follows the name, decoded, as notebooks write it. */
export function possibleNames(path) {
  const bare = path.replace(/[?#][^]*$/, "");
  const names = [path, bare, decoded(bare)];
  return [...names, ...names.map((name) => name.replace(/^files\//, ""))];
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
