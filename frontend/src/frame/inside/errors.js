/** What went wrong in the output's own scripts. */
import { tell } from "./tell.js";

// Browsers say so of a height that changes twice before it is drawn; nothing is wrong.
const NO_ERROR = /^ResizeObserver loop/;

export function tellErrors() {
  addEventListener("error", ({ message }) => {
    if (message && !NO_ERROR.test(message)) tell({ wrong: String(message) });
  });
  addEventListener("unhandledrejection", ({ reason }) => tell({ wrong: String(reason) }));
}
