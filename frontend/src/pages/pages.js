/**
 * The server's own pages: `/`, which opens links with code in them and shows what runs, `/embed`, which writes the lines to
 * copy, `/installed`, `/genes`, and `/cell`, which stands in a frame.
 */
import { buildSnippet } from "./embed.js";
import { tellHeight } from "./framed.js";
import { openGallery } from "./gallery.js";
import { chooseGroups } from "./genes.js";
import { filterPackages } from "./installed.js";
import { openLink } from "./try.js";

const cell = document.querySelector("#try");
if (cell) openLink(cell);
const gallery = document.querySelector(".gallery");
if (gallery) openGallery(gallery);
const installed = document.querySelector("#installed");
if (installed) filterPackages(installed);
const groups = document.querySelector("#groups");
if (groups) chooseGroups(groups);
if (document.querySelector("#embed")) buildSnippet();
const framed = document.querySelector("#cell");
if (framed && parent !== self) tellHeight(framed);
