// Libraries that outputs draw with, from npm. What each is for, and how large: docs/embedding.md.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { readOutlines } from "./outlines.mjs";

const BOKEH = "@bokeh/bokehjs/build/js";

/** name → file in node_modules. */
const READY_MADE = {
  plotly: "plotly.js-dist-min/plotly.min.js",
  "plotly-cartesian": "plotly.js-cartesian-dist-min/plotly-cartesian.min.js",
  vega: "vega/build/vega.min.js",
  "vega-lite": "vega-lite/build/vega-lite.min.js",
  "vega-embed": "vega-embed/build/vega-embed.min.js",
  bokeh: `${BOKEH}/bokeh.min.js`,
  "bokeh-widgets": `${BOKEH}/bokeh-widgets.min.js`,
  "bokeh-tables": `${BOKEH}/bokeh-tables.min.js`,
  "bokeh-gl": `${BOKEH}/bokeh-gl.min.js`,
  "bokeh-mathjax": `${BOKEH}/bokeh-mathjax.min.js`,
};

/** The packages whose work is in these files. */
export const LIBRARY_PACKAGES = [...new Set(Object.values(READY_MADE).map((file) => /^(@[^/]+\/)?[^/]+/.exec(file)[0])), "three"];

// The pages that Sage writes are made for the last three.js with `Geometry`; these are the parts that Sage adds to it.
// Its wheel jupyter-threejs-sage 130 has the same build of this version, and gives the file its name.
export const THREE_FILE = "three-sage-130.min.js";
export const THREE_SOURCE = `
export * from "three";
export { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
export { Line2 } from "three/examples/jsm/lines/Line2.js";
export { LineGeometry } from "three/examples/jsm/lines/LineGeometry.js";
export { LineMaterial } from "three/examples/jsm/lines/LineMaterial.js";
export { LineSegments2 } from "three/examples/jsm/lines/LineSegments2.js";
export { LineSegmentsGeometry } from "three/examples/jsm/lines/LineSegmentsGeometry.js";
`;

/** Return a script as it may stand between `<script>` and `</script>`, where HTML has words of its own. */
export function inlineable(text) {
  return text
    .replace(/\n\/\/# sourceMappingURL=.*\s*$/, "\n")
    .replace(/<\/(script)/gi, "<\\/$1")
    .replace(/<!--/g, "<\\!--");
}

/** Return [name, text] of each ready-made library, and of the outlines for maps. */
export async function readLibraries(here) {
  const read = async ([name, file]) => [name, inlineable(await readFile(join(here, "node_modules", file), "utf8"))];
  return [...(await Promise.all(Object.entries(READY_MADE).map(read))), ...(await readOutlines())];
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
