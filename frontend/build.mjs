// Builds ../static from src/. Usage: node build.mjs [output directory]
// Lazy parts are bundles of their own, named by their content: the main script may be served from two addresses
// (/embedded_singlecell.js and /static/embedded_singlecell.js), so that relative imports between bundles cannot work.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";
import { LIBRARY_PACKAGES, THREE_FILE, THREE_SOURCE, bokehModels, inlineable, readLibraries } from "./libraries.mjs";
import { licences } from "./licences.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2] ?? join(here, "../static");
const parts = join(output, "singlecell");

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
  await write(join("singlecell", file), text);
  return file;
}

/** Write a file, and beside it the same compressed: servers send that as it is. */
async function write(file, text) {
  await writeFile(join(output, file), text);
  await writeFile(join(output, `${file}.gz`), gzipSync(text, { level: 9 }));
}

async function copyFonts() {
  const from = join(here, "node_modules/katex/dist/fonts");
  await mkdir(join(parts, "fonts"), { recursive: true });
  for (const file of (await readdir(from)).filter((name) => name.endsWith(".woff2"))) {
    await writeFile(join(parts, "fonts", file), await readFile(join(from, file)));
  }
}

/** Put the libraries of outputs into place; return their files by name. */
async function libraries() {
  const files = {};
  for (const [name, text] of await readLibraries(here)) files[name] = await part(name, "js", text);
  const source = { contents: THREE_SOURCE, resolveDir: here };
  const three = await build({ ...options, stdin: source, format: "iife", globalName: "THREE", legalComments: "inline" });
  await write(join("singlecell", THREE_FILE), inlineable(three.outputFiles[0].text));
  return { ...files, three: THREE_FILE };
}

/** The page around an output, and in its script the one that goes into the output's own document. */
async function frame() {
  const page = await readFile(join(here, "src/frame/frame.html"), "utf8");
  const define = {
    INSIDE: JSON.stringify((await bundle("frame/inside/main.js", { format: "iife" })).trim()),
    LIBRARIES: JSON.stringify(await libraries()),
    BOKEH_MODELS: JSON.stringify(await bokehModels(here)),
  };
  const script = await bundle("frame/frame.js", { format: "iife", define });
  return page.replace("/* frame.js */", () => inlineable(script.trim()));
}

await rm(parts, { recursive: true, force: true });
await mkdir(parts, { recursive: true });
await copyFonts();
const packages = ["jquery", "katex", "marked", "prism-code-editor", ...LIBRARY_PACKAGES];
await writeFile(join(parts, "licences.txt"), await licences(here, packages));
const files = {
  frame: await part("frame", "html", await frame()),
  math: await part("math", "js", await bundle("math/math.js")),
  markdown: await part("markdown", "js", await bundle("mime/markdown-parser.js")),
};
const define = { PARTS: JSON.stringify(files) };
await write("embedded_singlecell.js", await bundle("main.js", { define }));
// Pages of SageMathCell load these two from its server; our script needs neither.
await write("jquery.min.js", await readFile(join(here, "node_modules/jquery/dist/jquery.min.js")));
await writeFile(join(output, "sagecell_embed.css"), "/* Cells bring their looks with them. */\n");
await write("embedded_sagecell.js", await bundle("sagecell/main.js", { define, format: "iife" }));
await write("pages.js", await bundle("pages/pages.js"));
