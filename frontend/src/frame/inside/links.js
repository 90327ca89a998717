/** A link would open inside the frame, or nowhere; the page offers it, or the file that it names, to the reader instead. */
import { fileName } from "../../file_names.js";
import { handOver } from "./pictures.js";
import { tell } from "./tell.js";

export function tellLink(event) {
  const link = event.composedPath().find((node) => node instanceof Element && node.localName === "a");
  const address = link?.href?.baseVal ?? link?.href;
  if (!address || event.defaultPrevented) return;
  event.preventDefault();
  if (handOver(link)) return;
  const place = /^#(.*)/.exec(link.getAttribute("href") ?? address);
  // Here `#place` would be relative to the address of the frame around, and so leave this document.
  const file = fileName(link.getAttribute("href"));
  if (place) document.getElementById(decodeURIComponent(place[1]))?.scrollIntoView();
  else if (file) tell({ file });
  else tell({ link: address });
}
