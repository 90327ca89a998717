/** Charts of Vega and Vega-Lite. */
import { keepPicture } from "../inside/pictures.js";
import { isDark } from "../inside/scheme.js";
import { tell } from "../inside/tell.js";
import { PAPER } from "./theme.js";

const PICTURES = { source: false, compiled: false, editor: false, export: { svg: true, png: true } };
const PICTURE_SCALE = 2;

export async function drawVega(place, chart, { options, dark }) {
  if (typeof chart !== "object") throw new TypeError("no chart"); // Vega takes a text for an address
  const { usermeta = {}, ...spec } = chart;
  const { embedOptions, ...rest } = usermeta; // taken out of the chart: there it would win over what follows
  const chosen = { ...embedOptions, ...options };
  let drawn = null;
  const paint = async (isDark) => {
    drawn?.finalize();
    drawn = await vegaEmbed(place, { ...spec, usermeta: rest }, {
      renderer: "svg", // text that can be read out, searched and printed
      ...(isDark && { theme: "dark", config: { background: "transparent" } }),
      ...chosen,
      actions: chosen.actions === false ? false : PICTURES, // the others open a page of another server
      loader: { target: "_blank" }, // which the sandbox refuses, so that the chart stays
    });
    const { view } = drawn;
    view.addEventListener("click", (_, item) => {
      if (typeof item?.href === "string") tell({ link: item.href });
    });
    for (const link of place.querySelectorAll(".vega-actions a[download]")) offer(link, view);
  };
  await paint(dark);
  return paint;
}

/** Vega would make the picture while the mouse is pressed, and only then: a keyboard would get nothing. */
function offer(link, view) {
  const type = /\.svg$/.test(link.download) ? "svg" : "png";
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const background = view.background();
    if (isDark() && background === "transparent") view.background(PAPER);
    try {
      keepPicture(await view.toImageURL(type, type === "png" ? PICTURE_SCALE : 1));
    } finally {
      view.background(background);
    }
  });
}
