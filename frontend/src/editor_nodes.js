/**
 * The nodes of the editor's own HTML. Its library writes HTML text, which a page with Trusted Types forbids; the build
 * (editor.mjs) has it call this instead. Only what the library writes is understood: elements with attributes, text, `&lt;`, `&amp;`.
 */

const PIECE = /<\/(\w+)>|<(\w+)([^>]*)>|([^<]+)/g;
const ATTRIBUTE = /([\w-]+)=(?:"([^"]*)"|([^\s>]+))/g;

/** Return a fragment; elements that the text leaves open end with it. */
export function nodesOf(html) {
  let parent = document.createDocumentFragment();
  const fragment = parent;
  for (const [, closed, opened, attributes, text] of html.matchAll(PIECE)) {
    if (closed) parent = parent.parentNode;
    else if (text) parent.append(text.replaceAll("&lt;", "<").replaceAll("&amp;", "&"));
    else {
      const element = document.createElement(opened);
      for (const [, name, quoted, bare] of attributes.matchAll(ATTRIBUTE)) element.setAttribute(name, quoted ?? bare);
      parent.append(element);
      parent = element;
    }
  }
  return fragment;
}
