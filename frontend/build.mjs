// Builds ../static and ../requirements/libraries.json from src/. Usage: node build.mjs [another directory than ..]
// Lazy parts are bundles of their own, named by their content: the main script may be served from two addresses
// (/embedded_singlecell.js and /static/embedded_singlecell.js), so that relative imports between bundles cannot work.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { editorWithoutHtml } from "./editor.mjs";
import { LIBRARY_PACKAGES, bokehModels, inlineable, lockLibraries } from "./libraries.mjs";
import { licences } from "./licences.mjs";
import { record } from "./record.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const root = process.argv[2] ?? join(here, "..");
const parts = join(root, "static/singlecell");

const options = {
  bundle: true,
  minify: true,
  write: false,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  legalComments: "none",
  loader: { ".css": "text" },
  absWorkingDir: here,
  plugins: [editorWithoutHtml(here)],
  logLevel: "warning",
  logOverride: { "empty-import-meta": "silent" },
};

async function bundle(entry, extra = {}) {
  const result = await build({ ...options, entryPoints: [join(here, "src", entry)], ...extra });
  return result.outputFiles[0].text;
}

async function part(name, extension, text) {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 10);
  const file = `${name}-${hash}.${extension}`;
  await write(`static/singlecell/${file}`, text);
  return file;
}

const written = []; // paths below `root`

async function write(file, content) {
  await writeFile(join(root, file), content);
  written.push(file);
}

async function copyFonts() {
  const from = join(here, "node_modules/katex/dist/fonts");
  await mkdir(join(parts, "fonts"), { recursive: true });
  for (const file of (await readdir(from)).filter((name) => name.endsWith(".woff2"))) {
    await write(`static/singlecell/fonts/${file}`, await readFile(join(from, file)));
  }
}

/** Write the lock file of the libraries; return their files by name. */
async function libraries() {
  const locked = await lockLibraries(here);
  await mkdir(join(root, "requirements"), { recursive: true });
  await write("requirements/libraries.json", `${JSON.stringify(locked, null, 1)}\n`);
  return Object.fromEntries(locked.map(({ name, file }) => [name, file]));
}

/** What draws controls, in the documents of outputs: Jupyter's own packages. */
async function widgets() {
  const style = await bundle("widgets/widgets.css", { loader: {} });
  return bundle("widgets/main.js", { format: "iife", define: { WIDGETS_STYLE: JSON.stringify(style) } });
}

/** The page around an output, and in its script the one that goes into the output's own document. */
async function frame(math, widgets) {
  const page = await readFile(join(here, "src/frame/frame.html"), "utf8");
  const define = {
    INSIDE: JSON.stringify((await bundle("frame/inside/main.js", { format: "iife" })).trim()),
    MATH: JSON.stringify(math),
    WIDGETS: JSON.stringify(widgets),
    LIBRARIES: JSON.stringify(await libraries()),
    BOKEH_MODELS: JSON.stringify(await bokehModels(here)),
  };
  const script = await bundle("frame/frame.js", { format: "iife", define });
  return page.replace("/* frame.js */", () => inlineable(script.trim()));
}

await rm(parts, { recursive: true, force: true });
await mkdir(parts, { recursive: true });
await copyFonts();
const packages = ["katex", "marked", "prism-code-editor", "@jupyter-widgets/base", "@jupyter-widgets/base-manager", "@jupyter-widgets/controls", "anywidget", ...LIBRARY_PACKAGES];
await write("static/singlecell/licences.txt", await licences(here, packages));
// It stands in documents of outputs, too, and so between the marks of a script.
const math = await part("math", "js", inlineable(await bundle("math/math.js")));
const drawing = await part("widgets", "js", inlineable(await widgets()));
const files = {
  frame: await part("frame", "html", await frame(math, drawing)),
  widgets: drawing,
  controls: await part("controls", "js", await bundle("controls/controls.js")),
  math,
  proof: await part("proof", "js", await bundle("proof/proof.js", { define: { WORKER: JSON.stringify(await bundle("proof/worker.js", { format: "iife" })) } })),
  grammars: await part("grammars", "js", await bundle("grammars.js")),
  menu: await part("menu", "js", await bundle("menu.js")),
  suggestions: await part("suggestions", "js", await bundle("suggestions.js")),
  share: await part("share", "js", await bundle("share.js")),
  tree: await part("tree", "js", await bundle("mime/tree.js")),
  enlarged: await part("enlarged", "js", await bundle("mime/enlarged.js")),
  markdown: await part("markdown", "js", await bundle("mime/markdown-parser.js")),
  markup: await part("markup", "js", await bundle("markup/markup.js")),
  exercise: await part("exercise", "js", await bundle("exercise/exercise.js")),
};
for (const name of await readdir(join(here, "src/texts"))) {
  const language = name.replace(/\.js$/, "");
  // English is in the script itself: whatever happens, there is something to say.
  if (language !== "en") files[`texts-${language}`] = await part(`texts-${language}`, "js", await bundle(`texts/${name}`));
}
const define = { PARTS: JSON.stringify(files) };
const script = await bundle("main.js", { define });
await write("static/embedded_singlecell.js", script);
await part("cell", "js", script); // the same under a name that never means anything else, for pages that pin it
// Pages of SageMathCell load it from its server.
await write("static/sagecell_embed.css", "/* Cells bring their looks with them. */\n");
await write("static/embedded_sagecell.js", await bundle("sagecell/main.js", { define, format: "iife" }));
await write("static/pages.js", await bundle("pages/pages.js", { define }));
await record(here, root, written);
