// Libraries that outputs draw with. None of them is in git: a server takes them from the places that the lock file
// requirements/libraries.json names (host/libraries.py). What each is for, and how large: docs/embedding.md.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readOutlines } from "./outlines.mjs";

const BOKEH = "@bokeh/bokehjs/build/js";
const BOKEH_WHEEL = "bokeh/server/static/js";
const PANEL_WHEEL = "panel/dist/bundled/vegaplot";

/** What Python wheels carry, the same to the last byte as npm: name → [npm package and file, wheel, lock file, file]. */
const IN_WHEELS = {
  plotly: ["plotly.js-dist-min/plotly.min.js", "plotly", "untrusted", "plotly/package_data/plotly.min.js"],
  ...Object.fromEntries(
    ["bokeh", "bokeh-widgets", "bokeh-tables", "bokeh-gl", "bokeh-mathjax"].map((name) => [
      name, [`${BOKEH}/${name}.min.js`, "bokeh", "untrusted", `${BOKEH_WHEEL}/${name}.min.js`],
    ]),
  ),
  ...Object.fromEntries(
    [["vega", "6.1.2"], ["vega-lite", "6.3.0"], ["vega-embed", "7.0.2"]].map(([name, version]) => [
      name, [`${name}/build/${name}.min.js`, "panel", "libraries", `${PANEL_WHEEL}/${name}@${version}`],
    ]),
  ),
  jquery: ["jquery/dist/jquery.min.js", "sphinxcontrib-jquery", "libraries", "sphinxcontrib/jquery/jquery.js"],
};

/** What no wheel carries, and another library can stand in for: name → [npm package, file]. */
const IN_NPM = { "plotly-cartesian": ["plotly.js-cartesian-dist-min", "plotly-cartesian.min.js"] };

// The pages that Sage writes are made for the last three.js with `Geometry` (r122), with the parts that Sage adds to it.
const THREE = {
  name: "three",
  sha256: "c58d967dfaf062b4b32ced9e60941dc4821e5116f53e7c7ff6fda63ac2f20155",
  wheel: "jupyter-threejs-sage",
  lock: "sage",
  path: "jupyter_threejs_sage/static/r122/three.min.js",
};

// Pages of SageMathCell ask for it by this name; our own need it not.
const JQUERY = "jquery.min.js";

/** The packages whose work is in these files. */
export const LIBRARY_PACKAGES = [
  "plotly.js-dist-min", "plotly.js-cartesian-dist-min", "@bokeh/bokehjs", "vega", "vega-lite", "vega-embed", "jquery", "three",
];

/** Return a script as it may stand between `<script>` and `</script>`, where HTML has words of its own. */
export function inlineable(text) {
  return text
    .replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n")
    .replace(/<\/(script)/gi, "<\\/$1")
    .replace(/<!--/g, "<\\!--");
}

/**
 * Return what the lock file says of each library: its name, the SHA-256 of what is served, the file's name, which has
 * ten digits of that, and where it comes from. The module host/libraries.py makes the same bytes from that, or serves nothing.
 */
export async function lockLibraries(here) {
  const lock = JSON.parse(await readFile(join(here, "package-lock.json"), "utf8")).packages;
  const read = (file) => readFile(join(here, "node_modules", file), "utf8");
  const entries = [];
  for (const [name, [file, wheel, wheelLock, path]] of Object.entries(IN_WHEELS)) {
    entries.push({ name, sha256: sha256(inlineable(await read(file))), wheel, lock: wheelLock, path });
  }
  for (const [name, [npm, path]] of Object.entries(IN_NPM)) {
    const { version, integrity } = lock[`node_modules/${npm}`];
    entries.push({ name, sha256: sha256(inlineable(await read(`${npm}/${path}`))), npm, version, integrity, path });
  }
  for (const [name, outlines, text] of await readOutlines()) entries.push({ name, sha256: sha256(text), outlines });
  entries.push(THREE);
  const fileOf = (name, digest) => (name === "jquery" ? JQUERY : `${name}-${digest.slice(0, 10)}.js`);
  return entries.map(({ name, ...entry }) => ({ name, file: fileOf(name, entry.sha256), ...entry }));
}

function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}

/** Return {widgets, tables}: the names of models that are not in Bokeh's main file. */
export async function bokehModels(here) {
  const models = join(here, "node_modules", BOKEH, "lib/models/widgets");
  const names = async (...files) => {
    const texts = await Promise.all(files.map((file) => readFile(join(models, file), "utf8")));
    const lists = texts.flatMap((text) => [...text.matchAll(/^export \{ ([\w, ]+) \}|^export class (\w+)/gm)]);
    return [...new Set(lists.flatMap(([, list, name]) => (list ?? name).split(", ")))].filter((name) => !/View$/.test(name)).sort();
  };
  return {
    widgets: await names("index.js", "sliders/index.js"),
    tables: await names("tables/index.js", "tables/cell_editors.js", "tables/cell_formatters.js"),
  };
}
