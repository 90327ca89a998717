/** text/plain, with the colours of terminals. */
import { Stream } from "../stream.js";

export function textNode(text) {
  const stream = new Stream("plain");
  stream.write(String(text));
  stream.draw();
  return stream.node;
}
