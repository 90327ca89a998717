// The editor's library writes HTML text into the page, which pages with Trusted Types forbid. Here it is made to build nodes.
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const LIBRARY = /prism-code-editor[/\\]dist[/\\].*\.js$/;
const PLAIN_CHARS_MAX = 1000;
const CHANGES = [
  ["lines[start + 1].innerHTML = newLines[start] + \"\\n\"", "lines[start + 1].replaceChildren(nodesOf(newLines[start] + \"\\n\"))"],
  ["lines[insertStart + 1].insertAdjacentHTML(\"afterend\", newHTML)", "lines[insertStart + 1].after(nodesOf(newHTML))"],
  ["templateEl.innerHTML = html", "templateEl.replaceChildren(nodesOf(html))"],
  // `insertHTML` is forbidden, too. Without it an edit of 1000 lines takes Chrome seconds: a large one sets the text itself,
  // as the library does to undo one; it keeps the history.
  [
    "if (isChrome || isWebKit) {",
    `if (globalThis.trustedTypes && text.length >= ${PLAIN_CHARS_MAX}) {
      textarea.setRangeText(text, textarea.selectionStart, textarea.selectionEnd, "end");
      textarea.dispatchEvent(new InputEvent("input", { data: text, inputType: "insertText" }));
    } else if ((isChrome || isWebKit) && !globalThis.trustedTypes) {`,
  ],
];
// Pages add names of their own to every object.
const LOOP = /for \((let|const|var) (\w+) in (\w+)\)/g;

/** Return the plugin of esbuild; a library that is written in another way, as a later version may be, ends the build. */
export function editorWithoutHtml(here) {
  const imports = `import { nodesOf } from ${JSON.stringify(join(here, "src/editor_nodes.js"))};\n`;
  return {
    name: "editor-without-html",
    setup(build) {
      const missing = new Set(CHANGES);
      build.onLoad({ filter: LIBRARY }, async ({ path }) => {
        let contents = (await readFile(path, "utf8")).replace(LOOP, "for ($1 $2 of Object.keys($3))");
        for (const change of CHANGES) {
          const [from, to] = change;
          if (!contents.includes(from)) continue;
          missing.delete(change);
          contents = contents.replace(from, () => to);
        }
        return { contents: contents.includes("nodesOf(") ? imports + contents : contents, loader: "js" };
      });
      build.onEnd(({ outputFiles }) => {
        const isThere = outputFiles?.some(({ text }) => text.includes("pce-textarea"));
        if (isThere && missing.size) throw new Error(`The editor's library no longer says: ${[...missing][0][0]}`);
      });
    },
  };
}
