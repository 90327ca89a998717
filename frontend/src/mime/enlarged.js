/** A picture as large as the window, or as it has pixels, in a dialog from which it can be saved. Loaded with the first click. */

const EXTENSIONS = { "svg+xml": "svg", jpeg: "jpg" };

/** Open the dialog of a picture; `tools`: {make(tag, properties, …), say(key), fetchFile(address, "blob")}. */
export function show(picture, { make, say, fetchFile }) {
  const cell = picture.closest(".cell");
  const large = picture.cloneNode();
  // As large as its pixels allow without a blur; drawings of lines have none.
  const isDrawing = picture.src.startsWith("data:image/svg");
  for (const side of ["width", "height"]) large.removeAttribute(side);
  large.style.width = isDrawing ? "100vw" : `${picture.naturalWidth}px`;
  large.style.objectFit = "contain";
  const keep = make("button", { type: "button", onclick: () => save(picture, make, fetchFile) }, say("save"));
  const close = make("button", { type: "button", onclick: () => dialog.close() }, say("close"));
  const header = make("header", {}, make("h2", { id: "enlarged-title" }, picture.alt), keep, close);
  const dialog = make("dialog", {
    class: "large", part: "dialog", "aria-labelledby": "enlarged-title",
    onclose: () => dialog.remove(), onclick: ({ target }) => target === dialog && dialog.close(),
  }, header, large);
  cell.append(dialog);
  dialog.showModal();
}

/** Save a picture as a file; one without paper gets that of the page, so that its ink shows wherever it goes. */
async function save(picture, make, fetchFile) {
  const isFile = !picture.src.startsWith("data:");
  const bytes = isFile ? await fetchFile(picture.src, "blob") : picture.dataset.scheme ? await painted(picture) : decoded(picture.src);
  const extension = bytes.type.replace("image/", "");
  // To the browser the file is bytes: were its address opened all the same, it would be saved and not shown.
  const address = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  make("a", { href: address, download: isFile ? picture.alt : `picture.${EXTENSIONS[extension] ?? extension}` }).click();
  URL.revokeObjectURL(address);
}

/** Return what stands in a data address; a page's policy may forbid to fetch it. */
function decoded(address) {
  const [, type, isBase64, text] = /^data:([^;,]+)[^,]*?(;base64)?,([^]*)$/.exec(address);
  if (!isBase64) return new Blob([decodeURIComponent(text)], { type });
  return new Blob([Uint8Array.from(atob(text), (char) => char.charCodeAt(0))], { type });
}

/** Return a picture on the paper of the scheme that it was drawn for. */
function painted(picture) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: picture.naturalWidth, height: picture.naturalHeight });
  const pen = canvas.getContext("2d");
  pen.fillStyle = picture.dataset.scheme === "dark" ? "#171b21" : "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, 0, 0);
  return new Promise((resolve) => canvas.toBlob(resolve));
}
