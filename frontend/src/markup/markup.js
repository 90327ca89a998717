/** What few pages need: cells of blocks of code that a site's generator made, and of what Markdown left of an element. */
export { mend } from "./mend.js";
export { makeCells } from "./select.js";
