/** Charts that come as data, each drawn by its library, which stands in the document before this is called. */
import { drawPlotly } from "./plotly.js";
import { drawVega } from "./vega.js";

const CHARTS = { plotly: drawPlotly, vega: drawVega };

/** Draw a chart; rejects when its library cannot. `tell(message)` speaks to the frame around. */
export async function draw(place, { kind, value, options }, tell) {
  await CHARTS[kind](place, value, { options: options ?? {}, tell, dark: document.documentElement.classList.contains("dark") });
  // A chart that is wider than the window is scrolled, by keyboard too.
  const scrolls = () => {
    if (place.scrollWidth > place.clientWidth) place.tabIndex = 0;
    else place.removeAttribute("tabindex");
  };
  addEventListener("resize", scrolls);
  scrolls();
}
