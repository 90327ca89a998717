/**
 * The server's own pages: `/`, which opens links with code in them, `/embed`, which writes the lines to copy, and `/cell`,
 * which stands in a frame.
 */
import { buildSnippet } from "./embed.js";
import { tellHeight } from "./framed.js";
import { openLink } from "./try.js";

const cell = document.querySelector("#try");
if (cell) openLink(cell);
if (document.querySelector("#embed")) buildSnippet();
const framed = document.querySelector("#cell");
if (framed && parent !== self) tellHeight(framed);
