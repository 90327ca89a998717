/** What an output asked for on another server, and was refused. */
import { tell } from "./tell.js";

const home = new URL(document.baseURI).host; // of the frame around this document: where what has no server is looked for
const ELSEWHERE_IN_TEXT = /\b(?:src|href)\s*=\s*["']?((?:https?:)?\/\/[^"'\s>]+)/i;

let told = false;

export function tellBlocked(address) {
  const host = otherHost(address);
  if (!host || told) return;
  told = true;
  tell({ blocked: host });
}

/** A document within this one is refused the same, and nobody hears of it there. */
export function tellBlockedIn(html) {
  const [, address] = ELSEWHERE_IN_TEXT.exec(html) ?? [];
  if (address) tellBlocked(absolute(address));
}

/** Return the whole address of something on another server, or null. */
export function absolute(address) {
  try {
    return new URL(address, "https://host").href;
  } catch {
    return null;
  }
}

export function watchPolicy() {
  document.addEventListener("securitypolicyviolation", ({ blockedURI, effectiveDirective }) => {
    // In the place of a frame something else is put: see files.js.
    if (!/^(?:frame|child|object)-src/.test(effectiveDirective)) tellBlocked(blockedURI);
  });
}

/** Return the host of an address on another server, else null: what was refused may be a file, or a text of a script. */
function otherHost(address) {
  try {
    const { protocol, host } = new URL(address);
    return /^(?:http|ws)s?:$/.test(protocol) && host !== home ? host : null;
  } catch {
    return null;
  }
}
