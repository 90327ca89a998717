/** Figures of Plotly. */

const HEIGHT_PX = 450; // Plotly's own default
const NARROW_PX = 500; // below it, Plotly's own margins leave little for the figure
const NARROW_MARGIN = { l: 50, r: 16, b: 50 };
const HIDDEN_BUTTONS = ["toImage", "sendDataToCloud", "editInChartStudio"]; // a sandboxed frame cannot do these

// Of plotly.py's own default template, what is dark ink on white paper.
const INK = "#2a3f5f";
const DARK = { ink: "#dfe5f0", grid: "#3a4557", zero: "#56627a" };

export async function drawPlotly(place, { data, layout, config, frames }, { dark }) {
  if (!Array.isArray(data)) throw new TypeError("no figure"); // Plotly would draw empty axes
  const shown = { ...layout };
  place.style.height = `${Number(shown.height) > 0 ? Number(shown.height) : HEIGHT_PX}px`;
  if (dark) darken(shown);
  if (innerWidth < NARROW_PX) shown.margin = { ...NARROW_MARGIN, ...shown.margin };
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) delete shown.transition;
  await Plotly.newPlot(place, {
    data,
    layout: shown,
    frames,
    config: {
      displaylogo: false,
      ...config,
      responsive: true,
      modeBarButtonsToRemove: [...(config?.modeBarButtonsToRemove ?? []), ...HIDDEN_BUTTONS],
    },
  });
}

/** Turn the default template dark; what the author has chosen stays as it is. */
function darken(layout) {
  const theirs = layout.template?.layout;
  const plain = !layout.template || (theirs?.font?.color === INK && theirs.paper_bgcolor === "white");
  if (!plain || layout.paper_bgcolor || layout.plot_bgcolor) return;
  const axis = { gridcolor: DARK.grid, linecolor: DARK.grid, zerolinecolor: DARK.zero };
  const wall = { ...axis, backgroundcolor: "rgba(0,0,0,0)" };
  layout.template = {
    ...layout.template,
    layout: {
      ...theirs,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { ...theirs?.font, color: DARK.ink },
      xaxis: { ...theirs?.xaxis, ...axis },
      yaxis: { ...theirs?.yaxis, ...axis },
      scene: {
        ...theirs?.scene,
        xaxis: { ...theirs?.scene?.xaxis, ...wall },
        yaxis: { ...theirs?.scene?.yaxis, ...wall },
        zaxis: { ...theirs?.scene?.zaxis, ...wall },
      },
    },
  };
}
