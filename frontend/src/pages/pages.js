/** The server's own pages: `/`, which opens links with code in them, and `/embed`, which writes the lines to copy. */
import { buildSnippet } from "./embed.js";
import { openLink } from "./try.js";

const cell = document.querySelector("#try");
if (cell) openLink(cell);
if (document.querySelector("#embed")) buildSnippet();
