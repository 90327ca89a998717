// Outlines for Plotly's maps. They lie in plotly.js (as dist/plotly-geo-assets.js) and in none of its small packages,
// and plotly.js with all that it depends on is 160 MB; so they are kept here. When Plotly gets a new version:
//   npm pack plotly.js@VERSION && tar xzf plotly.js-VERSION.tgz && node outlines.mjs package/dist/plotly-geo-assets.js
import { createRequire } from "node:module";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "outlines");
const COARSE = "_110m"; // the finer ones are six times as large

/** Return [name of the library, scope, script] for each scope of a map: "world", "europe", …; host/libraries.py makes the same. */
export async function readOutlines() {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".json")).sort();
  return Promise.all(
    files.map(async (file) => {
      const name = file.replace(/\.json$/, "");
      const text = (await readFile(join(FOLDER, file), "utf8")).trim();
      const script = `((window.PlotlyGeoAssets ??= {}).topojson ??= {})["${name}${COARSE}"] = ${text};\n`;
      return [`outlines-${name}`, name, script];
    }),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  globalThis.window = globalThis; // the file is made for browsers
  const { topojson } = createRequire(import.meta.url)(resolve(process.argv[2]));
  for (const [name, outlines] of Object.entries(topojson)) {
    if (!name.endsWith(COARSE)) continue;
    await writeFile(join(FOLDER, `${name.slice(0, -COARSE.length)}.json`), `${JSON.stringify(outlines)}\n`);
  }
}
