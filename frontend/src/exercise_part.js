/** Makes a cell an exercise where its author says so; what that needs is loaded then. */
import { textOf, tidy } from "./author.js";
import { loadPart } from "./lazy.js";
import { spoken } from "./texts.js";

const PARTS = "[data-check], [data-hint], [data-solution]";
const BLANK = /_{6}/; // what the reader is to fill in

/** Return a promise of the Exercise of a cell; null for a cell that is none. `door`: what of the cell it may use. */
export function loadExercise(element, code, door) {
  if (!element.matches(PARTS) && !element.querySelector(PARTS) && !BLANK.test(code)) return null;
  const make = ({ Exercise }) => new Exercise(element, { ...door, language: spoken(), codeIn: (node) => tidy(textOf(node)) });
  return loadPart("exercise").then(make).catch((error) => (console.error(error), null));
}
