/** Finds out where this script came from, and so where its server is. */
// As a classic script (embedded_sagecell.js) there is no import.meta.
const script = new URL(import.meta.url ?? (document.currentScript?.src || lastOfOurs()));

/** Evaluated as text (jQuery's getScript), a script has no address of its own. */
function lastOfOurs() {
  const addresses = [...document.scripts].map((node) => node.src);
  return addresses.reverse().find((address) => /\/embedded_s(?:age|ingle)cell\.js/.test(address)) ?? document.baseURI;
}

/** Address of the server that served this script, with a slash at its end. */
export const ownServer = new URL(/\/static\/[^/]*$/.test(script.pathname) ? ".." : ".", script).href;
