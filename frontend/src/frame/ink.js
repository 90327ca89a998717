/** Which colours an author has chosen for a chart: some need the white paper that they were chosen for. */

// Names of colours in the data of Plotly, Vega and Bokeh, with the value of each.
const COLOURS = /"(\w*colou?r|fill|stroke|background)":\s*(?:\{[^{}]*?"value":\s*)?"([^"\\]{1,60})"/gi;
const PAPERS = /^(?:paper_bgcolor|plot_bgcolor|bgcolor|background|background_fill_color|border_fill_color)$/;
const CLEAR = /^rgba\(.*, ?0\)$/;
// On our dark paper a colour of less luminance has a contrast below 1.6 as ink, and below 4.5 as text.
const INK_LUMINANCE_MIN = 0.048;
const TEXT_LUMINANCE_MIN = 0.225;

const pen = document.createElement("canvas").getContext("2d");

/** Return a colour as browsers write it; what is none is white. */
function normal(colour) {
  pen.fillStyle = "#ffffff";
  pen.fillStyle = String(colour);
  return pen.fillStyle;
}

/** Whether a colour would be lost on dark paper. */
export function isDarkInk(colour, luminance_min = INK_LUMINANCE_MIN) {
  const [, ...pairs] = /^#(..)(..)(..)$/.exec(normal(colour)) ?? [];
  if (!pairs.length) return false;
  const [red, green, blue] = pairs.map((pair) => linear(Number.parseInt(pair, 16) / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue < luminance_min;
}

function linear(channel) {
  return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4;
}

/** Whether the author of a chart has chosen its paper, or ink that only white paper shows. `json`: without templates. */
export function needsPaper(json) {
  for (const [, name, value] of json.matchAll(COLOURS)) {
    if (PAPERS.test(name)) {
      if (!CLEAR.test(normal(value))) return true;
    } else if (isDarkInk(value, /text_colou?r$/i.test(name) ? TEXT_LUMINANCE_MIN : INK_LUMINANCE_MIN)) return true;
  }
  return false;
}

/** Return what an author wrote of a chart, as JSON: without the defaults that libraries write out. */
export function writtenBy(type, data) {
  if (type.startsWith("application/vnd.bokehjs_exec")) {
    return withoutOverlays(/docs_json = (\{.*\});\n/.exec(data)?.[1] ?? "{}");
  }
  if (type.startsWith("application/vnd.plotly")) {
    return JSON.stringify(data.value, (key, value) => (key === "template" ? undefined : value));
  }
  return type.startsWith("application/vnd.vega") ? JSON.stringify(data.value) : "";
}

/** The boxes that readers draw with the mouse are black and grey by default, and written out. */
function withoutOverlays(json) {
  try {
    return JSON.stringify(JSON.parse(json), (key, value) => (key === "overlay" ? undefined : value));
  } catch {
    return ""; // no script as Bokeh writes it: it may still draw
  }
}
