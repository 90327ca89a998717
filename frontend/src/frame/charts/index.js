/** Charts that come as data, each drawn by its library, which stands in the document before this is called. */
import { isDark, onScheme } from "../inside/scheme.js";
import { drawPlotly } from "./plotly.js";
import { drawVega } from "./vega.js";

const CHARTS = { plotly: drawPlotly, vega: drawVega };

/** Draw a chart; rejects when its library cannot. */
export async function draw(place, { kind, value, options }) {
  const dark = isDark();
  const paint = await CHARTS[kind](place, value, { options: options ?? {}, dark });
  if (dark !== isDark()) await paint(!dark);
  onScheme(paint);
  // A chart that is wider than the window is scrolled, by keyboard too.
  const scrolls = () => {
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  };
  addEventListener("resize", scrolls);
  scrolls();
}
