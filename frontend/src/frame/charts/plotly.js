/** Figures of Plotly. */
import { keepPicture } from "../inside/pictures.js";
import { isDark } from "../inside/scheme.js";
import { GRID, INK, PAPER, ZERO } from "./theme.js";

const HEIGHT_PX = 450; // Plotly's own default
const NARROW_PX = 500; // below it, Plotly's own margins leave little for the figure
const NARROW_MARGIN = { l: 50, r: 16, b: 50 };
const OTHER_BUTTONS = ["toImage", "sendDataToCloud", "editInChartStudio"]; // a sandboxed frame cannot do these

// Of plotly.py's own default template, what is dark ink on white paper.
const DEFAULT_INK = "#2a3f5f";

export async function drawPlotly(place, { data, layout, config, frames }, { dark }) {
  if (!Array.isArray(data)) throw new TypeError("no figure"); // Plotly would draw empty axes
  const given = layout?.template;
  const templateFor = (isDark) => (isDark && isPlain(given) ? darkened(given) : given);
  const shown = { ...layout, template: templateFor(dark) };
  place.style.height = `${Number(shown.height) > 0 ? Number(shown.height) : HEIGHT_PX}px`;
  if (innerWidth < NARROW_PX) shown.margin = { ...NARROW_MARGIN, ...shown.margin };
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) delete shown.transition;
  // Outlines are here in one resolution.
  for (const name of Object.keys(shown)) if (/^geo\d*$/.test(name)) shown[name] = { ...shown[name], resolution: 110 };
  await Plotly.newPlot(place, { data, layout: shown, frames, config: configured(config ?? {}) });
  // What the reader has zoomed or turned is in the figure's own layout by now.
  return (isDark) => Plotly.react(place, place.data, { ...place.layout, template: templateFor(isDark) });
}

function configured(config) {
  const removed = config.modeBarButtonsToRemove ?? [];
  const added = config.modeBarButtonsToAdd ?? [];
  const options = config.toImageButtonOptions ?? {};
  const button = { name: "keepPicture", title: "Save as a picture", icon: Plotly.Icons.camera, click: (place) => keep(place, options) };
  return {
    displaylogo: false,
    ...config,
    responsive: true,
    modeBarButtonsToRemove: [...removed, ...OTHER_BUTTONS],
    modeBarButtonsToAdd: removed.includes("toImage") ? added : [button, ...added],
  };
}

async function keep(place, { format, width, height, scale }) {
  const { data, layout, _fullLayout: full } = place;
  const paper = isDark() && isClear(full.paper_bgcolor) ? { paper_bgcolor: PAPER } : {};
  const size = { width: width ?? full.width, height: height ?? full.height, scale: scale ?? 2 };
  keepPicture(await Plotly.toImage({ data, layout: { ...layout, ...paper } }, { format: format === "svg" ? "svg" : "png", ...size }));
}

function isClear(colour) {
  return /^rgba\(.*, ?0\)$/.test(colour);
}

/** Whether a template is Plotly's own default, in which nobody has chosen a colour. */
function isPlain(template) {
  return !template || (template.layout?.font?.color === DEFAULT_INK && template.layout.paper_bgcolor === "white");
}

function darkened(template) {
  const theirs = template?.layout;
  const clear = "rgba(0,0,0,0)";
  const axis = { gridcolor: GRID, linecolor: GRID, zerolinecolor: ZERO };
  const wall = { ...axis, backgroundcolor: clear };
  const merged = (part, names, change) => Object.fromEntries(names.map((name) => [name, { ...part?.[name], ...change }]));
  return {
    ...template,
    layout: {
      ...theirs,
      paper_bgcolor: clear,
      plot_bgcolor: clear,
      font: { ...theirs?.font, color: INK },
      ...merged(theirs, ["xaxis", "yaxis"], axis),
      scene: { ...theirs?.scene, ...merged(theirs?.scene, ["xaxis", "yaxis", "zaxis"], wall) },
      polar: { ...theirs?.polar, bgcolor: clear, ...merged(theirs?.polar, ["angularaxis", "radialaxis"], axis) },
      ternary: { ...theirs?.ternary, bgcolor: clear, ...merged(theirs?.ternary, ["aaxis", "baxis", "caxis"], axis) },
      geo: { ...theirs?.geo, bgcolor: clear, lakecolor: "#1d2c3d", landcolor: "#2c3542", subunitcolor: ZERO, coastlinecolor: ZERO },
    },
  };
}
