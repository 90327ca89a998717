/** Pictures to keep: libraries press a link with `download`, which a sandbox forbids; the page is handed the picture. */
import { tell } from "./tell.js";

const DATA = /^data:(image\/(?:png|svg\+xml))((?:;[^,]*)?),([^]*)$/;

const blobs = new Map(); // address → Blob, for as long as the output keeps it

/** Hand a picture over: a Blob, or the address of one. */
export function keepPicture(picture) {
  tell({ picture: typeof picture === "string" ? (blobs.get(picture) ?? blobOf(picture)) : picture });
}

/** Return whether a link that was pressed is one to something made here; what it leads to goes to the page. */
export function handOver(link) {
  if (!link.hasAttribute("download") || !/^(?:blob|data):/.test(link.href)) return false;
  keepPicture(link.href);
  return true;
}

/** Return the picture in a data address, or null; this document may not fetch it. */
function blobOf(address) {
  const [, type, parameters, content] = DATA.exec(address) ?? [];
  if (!type) return null;
  if (!/;base64$/.test(parameters)) return new Blob([decodeURIComponent(content)], { type });
  return new Blob([Uint8Array.from(atob(content), (char) => char.charCodeAt(0))], { type });
}

export function handPicturesOver() {
  const { createObjectURL, revokeObjectURL } = URL;
  URL.createObjectURL = (object) => {
    const address = createObjectURL.call(URL, object);
    if (object instanceof Blob && object.type.startsWith("image/")) blobs.set(address, object);
    return address;
  };
  URL.revokeObjectURL = (address) => {
    blobs.delete(address);
    revokeObjectURL.call(URL, address);
  };
  // Links that are in no document are pressed in these two ways, and no listener would hear of it.
  const { click, dispatchEvent } = HTMLAnchorElement.prototype;
  HTMLAnchorElement.prototype.click = function () {
    if (!handOver(this)) click.call(this);
  };
  HTMLAnchorElement.prototype.dispatchEvent = function (event) {
    return event.type === "click" && handOver(this) ? true : dispatchEvent.call(this, event);
  };
  // The page takes a picture only after somebody has touched the output that made it.
  for (const name of ["pointerup", "keydown", "click"]) {
    addEventListener(name, ({ isTrusted }) => isTrusted && tell({ touched: true }), { capture: true });
  }
}
