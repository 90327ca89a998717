/** Charts of Vega and Vega-Lite. */

export async function drawVega(place, chart, { options, tell, dark }) {
  if (typeof chart !== "object") throw new TypeError("no chart"); // Vega takes a text for an address
  const { usermeta = {}, ...spec } = chart;
  const { embedOptions, ...rest } = usermeta; // taken out of the chart: there it would win over what follows
  const { view } = await vegaEmbed(place, { ...spec, usermeta: rest }, {
    renderer: "svg", // text that can be read out, searched and printed
    ...(dark && { theme: "dark", config: { background: "transparent" } }),
    ...embedOptions,
    ...options,
    actions: false, // they download, or open a page of another server
    loader: { target: "_blank" }, // which the sandbox refuses, so that the chart stays
  });
  view.addEventListener("click", (_, item) => {
    if (typeof item?.href === "string") tell({ link: item.href });
  });
}
