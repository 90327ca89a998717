/** What the author of the page wrote inside the element: code, and code that is hidden and runs first. */

/** Return {code, setup} of an element whose children the browser has parsed. */
export function readAuthor(element) {
  const setup = [...element.querySelectorAll(":scope > [data-setup]")].map((node) => tidy(textOf(node))).join("\n");
  const child = element.querySelector(":scope > pre:not([data-setup]), :scope > script:not([data-setup]), :scope > textarea, :scope > template");
  if (child) return { code: tidy(textOf(child)), setup };
  const rest = element.cloneNode(true);
  for (const node of rest.querySelectorAll("[data-setup]")) node.remove();
  return { code: tidy(rest.textContent), setup };
}

function textOf(node) {
  return node.localName === "template" ? node.content.textContent : node.textContent;
}

/** Remove blank lines around code and the indentation that all of its lines share. */
export function tidy(text) {
  const lines = text.replace(/\r\n?/g, "\n").replace(/^(?:[ \t]*\n)+/, "").replace(/\s+$/, "").split("\n");
  const margins = lines.filter((line) => line.trim()).map((line) => /^[ \t]*/.exec(line)[0].length);
  const margin = margins.length ? Math.min(...margins) : 0;
  return lines.map((line) => line.slice(margin)).join("\n");
}
