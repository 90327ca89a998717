// Builds ../static from src/. Usage: node build.mjs [output directory]
// Lazy parts are bundles of their own, named by their content: the main script may be served from two addresses
// (/embedded_singlecell.js and /static/embedded_singlecell.js), so that relative imports between bundles cannot work.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

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
  await writeFile(join(parts, file), text);
  return file;
}

async function copyFonts() {
  const from = join(here, "node_modules/katex/dist/fonts");
  await mkdir(join(parts, "fonts"), { recursive: true });
  for (const file of (await readdir(from)).filter((name) => name.endsWith(".woff2"))) {
    await writeFile(join(parts, "fonts", file), await readFile(join(from, file)));
  }
}

/** The bundles carry other people's work; their licences go along. */
async function licences() {
  const texts = [];
  for (const name of ["jquery", "katex", "marked", "prism-code-editor"]) {
    const folder = join(here, "node_modules", name);
    const file = (await readdir(folder)).find((entry) => /^LICENSE/i.test(entry));
    texts.push(`${name}\n\n${(await readFile(join(folder, file), "utf8")).trim()}\n`);
  }
  await writeFile(join(parts, "licences.txt"), texts.join(`\n${"-".repeat(80)}\n\n`));
}

async function frame() {
  const page = await readFile(join(here, "src/frame/frame.html"), "utf8");
  const script = await bundle("frame/frame.js", { format: "iife" });
  return page.replace("/* frame.js */", () => script.trim());
}

await rm(parts, { recursive: true, force: true });
await mkdir(parts, { recursive: true });
await copyFonts();
await licences();
const files = {
  frame: await part("frame", "html", await frame()),
  math: await part("math", "js", await bundle("math/math.js")),
  markdown: await part("markdown", "js", await bundle("mime/markdown-parser.js")),
};
const define = { PARTS: JSON.stringify(files) };
await writeFile(join(output, "embedded_singlecell.js"), await bundle("main.js", { define }));
// Pages of SageMathCell load these two from its server; our script needs neither.
await writeFile(join(output, "jquery.min.js"), await readFile(join(here, "node_modules/jquery/dist/jquery.min.js")));
await writeFile(join(output, "sagecell_embed.css"), "/* Cells bring their looks with them. */\n");
await writeFile(join(output, "embedded_sagecell.js"), await bundle("sagecell/main.js", { define, format: "iife" }));
await writeFile(join(output, "pages.js"), await bundle("pages/pages.js"));
