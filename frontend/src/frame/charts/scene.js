/** Three-dimensional scenes that are pages of their own: for white paper or, where the author asks for it, for black; ours follow the page. */
import { isDark, onScheme } from "../inside/scheme.js";
import { isDarkInk } from "../ink.js";
import { PAPER } from "./theme.js";

const WHITE = "#ffffff";

/** Follow the page's scheme in a document that is such a scene in its default theme. */
export function followScene() {
  const { THREE, options, renderer, scene, render, points = [], lines = [], surfaces = [] } = window;
  if (!THREE || options?.theme !== "light" || !scene?.isScene || !renderer?.setClearColor || typeof render !== "function") return;
  const root = document.documentElement;
  if ([...points, ...lines, ...surfaces].some(({ color }) => isDarkInk(color))) return root.classList.add("paper");
  root.classList.add("scene");
  const turned = new Set(); // labels that were black
  const paint = (dark) => {
    options.theme = dark ? "dark" : "light"; // what the page's own script asks for later, in animations
    document.body.classList.toggle("dark-theme", dark);
    renderer.setClearColor(dark ? PAPER : WHITE, 1);
    scene.traverse((node) => paintNode(node, dark, turned));
    if (!options.animate) render();
  };
  if (isDark()) paint(true);
  onScheme(paint);
}

/** Of a scene's nodes, the frame, the grid on surfaces and black labels are ink; the rest has the author's colours. */
function paintNode(node, dark, turned) {
  const isGrid = (node.isLineSegments || node.isLineSegments2) && node.userData?.showMeshGrid;
  if (node.type === "BoxHelper" || isGrid) node.material.color.set(dark ? "white" : "black");
  if (!node.isSprite) return;
  const canvas = node.material.map?.image;
  if (!(canvas instanceof HTMLCanvasElement)) return;
  if (dark && isBlack(canvas)) turned.add(node);
  if (!turned.has(node)) return;
  const context = canvas.getContext("2d");
  context.save();
  context.resetTransform();
  context.globalCompositeOperation = "source-in";
  context.fillStyle = dark ? "white" : "black";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.restore();
  node.material.map.needsUpdate = true;
}

const reader = document.createElement("canvas").getContext("2d", { willReadFrequently: true });

function isBlack(canvas) {
  Object.assign(reader.canvas, { width: canvas.width, height: canvas.height }); // which also empties it
  reader.drawImage(canvas, 0, 0);
  const pixels = reader.getImageData(0, 0, canvas.width, canvas.height).data;
  for (let i = 0; i < pixels.length; i += 4) {
    if (pixels[i + 3] && (pixels[i] || pixels[i + 1] || pixels[i + 2])) return false;
  }
  return true;
}
