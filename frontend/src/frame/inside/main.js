/** First in the document of every output: says how high it is, which link was clicked, what it wants, and what went wrong. */
import { showEdges } from "../../edges.js";
import { draw } from "../charts/index.js";
import { followBokeh } from "../charts/bokeh.js";
import { followScene } from "../charts/scene.js";
import { watchPolicy } from "./blocked.js";
import { offerElement } from "./element.js";
import { tellErrors } from "./errors.js";
import { showFiles } from "./files.js";
import { tellHeight } from "./height.js";
import { tellLink } from "./links.js";
import { handPicturesOver } from "./pictures.js";
import { answerScripts } from "./scripts.js";
import { tell } from "./tell.js";

function drawChart() {
  const data = document.getElementById("chart-data");
  const place = document.getElementById("chart");
  if (!data || !place) return;
  draw(place, JSON.parse(data.textContent)).then(tellHeight, (error) => {
    console.warn(error);
    tell({ failed: true });
  });
}

answerScripts();
tellErrors();
offerElement();
handPicturesOver();
showFiles();
watchPolicy();
followBokeh();
addEventListener("click", tellLink);
addEventListener("load", tellHeight, true);
addEventListener("resize", tellHeight);
document.addEventListener("DOMContentLoaded", () => {
  const observer = new ResizeObserver(tellHeight);
  observer.observe(document.documentElement);
  observer.observe(document.body);
  tellHeight();
  showEdges(document.documentElement, document);
  followScene();
  drawChart();
});
