/** Finds out where this script came from, and so where its server is. */
// As a classic script (embedded_sagecell.js) there is no import.meta.
const script = new URL(import.meta.url ?? (document.currentScript?.src || lastOfOurs()));

/** Evaluated as text (jQuery's getScript), a script has no address of its own. */
function lastOfOurs() {
  const addresses = [...document.scripts].map((node) => node.src);
  return addresses.reverse().find((address) => /\/embedded_s(?:age|ingle)cell\.js/.test(address)) ?? document.baseURI;
}

/** Whether a script of the page has the address that this one came from. */
export function isThisScript({ src }) {
  return Boolean(src) && src.split(/[?#]/)[0] === script.href.split(/[?#]/)[0];
}

/** Address of the server that served this script, with a slash at its end. */
const [, below] = /\/static\/(singlecell\/)?[^/]*$/.exec(script.pathname) ?? [null, null];
export const ownServer = new URL(below ? "../.." : below === undefined ? ".." : ".", script).href;
