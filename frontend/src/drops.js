/** Files dragged from the desktop onto a cell. */

export function acceptDrops(cell, attachButton, attach) {
  let depth = 0; // dragenter and dragleave come for every node on the way
  const wanted = (event) => event.dataTransfer?.types.includes("Files") && !attachButton.classList.contains("hidden");
  const show = (change) => {
    depth = change === 0 ? 0 : Math.max(0, depth + change);
    cell.classList.toggle("dropping", depth > 0);
  };
  cell.addEventListener("dragenter", (event) => wanted(event) && show(1));
  cell.addEventListener("dragleave", (event) => wanted(event) && show(-1));
  cell.addEventListener("dragover", (event) => wanted(event) && event.preventDefault());
  cell.addEventListener("drop", (event) => {
    if (!wanted(event)) return;
    event.preventDefault();
    show(0);
    attach([...event.dataTransfer.files]);
  });
}
