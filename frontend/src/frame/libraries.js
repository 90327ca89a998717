/** Libraries that outputs draw with: which addresses of them on other servers we know, and our own copies of them. */

// Set by the build: name → file in static/libraries/, and the names of models that Bokeh keeps in bundles of their own.
const FILES = LIBRARIES;
const { widgets: BOKEH_WIDGETS, tables: BOKEH_TABLES } = BOKEH_MODELS;

/** What stands in for a file that a server may lack. */
export const STAND_INS = new Map([[FILES["plotly-cartesian"], FILES.plotly]]);

const FONT = /^KaTeX_[\w-]+\.woff2$/;
const ADDRESSES = [
  [/(?:^|\/)three-sage-\w+\.min\.js$|\/threejs-sage(?:@\w+\/build|\/\w+)\/three\.min\.js$/, () => "three"],
  [/^https:\/\/cdn\.plot\.ly\/plotly-(?:latest|[\d.]+?)(?:\.min)?\.js$/, () => "plotly"],
  [/^https:\/\/(?:cdn\.jsdelivr\.net\/npm|unpkg\.com)\/plotly\.js(?:-dist)?(?:-min)?(?:[@/?]|$)/, () => "plotly"],
  [/^https:\/\/(?:cdn\.jsdelivr\.net\/npm|unpkg\.com)\/(vega|vega-lite|vega-embed)(?:[@/?]|$)/, ([, name]) => name],
  [/^https:\/\/cdn\.bokeh\.org\/bokeh\/\w+\/(bokeh(?:-\w+)?)-\d[\w.-]*?(?:\.min)?\.js$/, ([, name]) => name],
];

/** Return the file of ours that stands for a script's address, or for a font's name, or null. */
export function libraryAt(untrusted_address) {
  if (FONT.test(untrusted_address)) return untrusted_address;
  for (const [pattern, name] of ADDRESSES) {
    const found = pattern.exec(untrusted_address);
    if (found) return FILES[name(found)] ?? null;
  }
  return null;
}

// What the small build of Plotly can draw; for anything else there is the whole one, three times as large.
const CARTESIAN = new Set(
  ("bar box contour heatmap histogram histogram2d histogram2dcontour image pie scatter scatterternary violin").split(" "),
);

export function plotlyFiles(figure) {
  const traces = [figure.data, ...(figure.frames ?? []).map((frame) => frame.data)].flat().filter(Boolean);
  const small = traces.every((trace) => CARTESIAN.has(trace.type ?? "scatter"));
  return [...outlinesOf(figure.layout ?? {}, traces), small ? FILES["plotly-cartesian"] : FILES.plotly];
}

/** Return the files with the outlines of a figure's maps. */
function outlinesOf(layout, traces) {
  const onMaps = traces.filter(({ type }) => type === "choropleth" || type === "scattergeo");
  const maps = new Set(onMaps.map(({ geo }) => geo ?? "geo"));
  const scopes = [...maps].map((name) => layout[name]?.scope ?? layout.template?.layout?.geo?.scope ?? "world");
  return [...new Set(scopes)].map((scope) => FILES[`outlines-${scope.replaceAll(" ", "-")}`]).filter(Boolean);
}

export function vegaFiles(isLite) {
  return [FILES.vega, isLite && FILES["vega-lite"], FILES["vega-embed"]].filter(Boolean);
}

/** Return the bundles of Bokeh that the models named in a script need. */
export function bokehFiles(script) {
  const names = new Set([...script.matchAll(/"name":\s*"(\w+)"/g)].map(([, name]) => name));
  const has = (models) => models.some((name) => names.has(name));
  const tables = has(BOKEH_TABLES);
  const formulas = has(["TeX", "MathML", "Ascii"]) || /\$\$|\\\\\[|\\\\\(/.test(script);
  return [
    FILES.bokeh,
    (tables || has(BOKEH_WIDGETS)) && FILES["bokeh-widgets"],
    tables && FILES["bokeh-tables"],
    /"output_backend":\s*"webgl"/.test(script) && FILES["bokeh-gl"],
    formulas && FILES["bokeh-mathjax"],
  ].filter(Boolean);
}
