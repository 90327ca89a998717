/** The menu of a cell, for what few readers need: copy, download, the whole screen, what is installed. Loaded with its first click. */

const ESCAPES = /\x1b\[[0-9;]*m/g;

/** Open the menu of a button, or close it. `tools`: {make(tag, properties, …), say(key), extension(), output, announce(sentence)}. */
export function toggleMenu(button, cell, tools) {
  const open = button.parentNode.querySelector("[role=menu]");
  if (open) return open.close();
  const { make, say } = tools;
  const menu = make("div", { class: "popup menu", role: "menu", "aria-label": say("menu") }, ...items(cell, tools));
  menu.close = () => {
    menu.remove();
    button.setAttribute("aria-expanded", "false");
  };
  const leave = () => {
    button.focus();
    menu.close();
  };
  menu.addEventListener("keydown", (event) => onKey(event, menu, leave));
  menu.addEventListener("click", ({ target }) => target.closest("[role=menuitem]") && leave());
  menu.addEventListener("focusout", ({ relatedTarget }) => menu.contains(relatedTarget) || relatedTarget === button || menu.close());
  button.setAttribute("aria-expanded", "true");
  button.after(menu);
  menu.firstChild.focus();
}

function items(cell, { make, say, extension, output, announce }) {
  const item = (name, act) => make("button", { type: "button", role: "menuitem", tabindex: -1, onclick: act }, say(name));
  const picture = output.querySelector("img.picture");
  const text = textOf(cell.messages);
  const all = [];
  if (text) all.push(item("copy_output", () => copyText(text, make).then(() => announce(say("copied")))));
  else if (picture && globalThis.ClipboardItem) all.push(item("copy_output", () => copyPicture(picture).then(() => announce(say("copied")))));
  all.push(item("download_code", () => download(cell, extension, make)));
  if (document.fullscreenElement) all.push(item("full_screen_off", () => document.exitFullscreen()));
  else if (document.fullscreenEnabled) all.push(item("full_screen", () => cell.requestFullscreen()));
  const address = new URL(`installed#${cell.language}`, cell.server).href;
  all.push(make("a", { role: "menuitem", tabindex: -1, href: address, target: "_blank", rel: "noopener" }, say("installed")));
  return all;
}

function onKey(event, menu, leave) {
  const all = [...menu.children];
  const at = all.indexOf(menu.getRootNode().activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
  if (event.key === "Escape") {
    leave();
  } else if (next !== undefined) all.at(next % all.length).focus();
  else return;
  event.preventDefault();
  event.stopPropagation();
}

/** Return the text of a run: what it printed, the values, the errors; of a figure there is none. */
function textOf(messages) {
  let text = "";
  const line = (more) => (text += `${text && !text.endsWith("\n") ? "\n" : ""}${more}\n`);
  for (const { header, content } of messages) {
    if (header.msg_type === "clear_output") text = "";
    else if (header.msg_type === "stream") text += String(content.text);
    else if (header.msg_type === "error") line((content.traceback ?? []).join("\n"));
    else if (["display_data", "execute_result"].includes(header.msg_type)) {
      const { "text/plain": plain, ...others } = content.data ?? {};
      if (plain && !Object.keys(others).some((type) => type.startsWith("image/"))) line([plain].flat().join(""));
    }
  }
  // What a progress bar has written over is not there any more.
  return text.replace(ESCAPES, "").replace(/^.*\r(?!\n)(?=.)/gm, "").replace(/\r/g, "").replace(/\n$/, "");
}

async function copyText(text, make) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // In pages without a secure origin there is no other way.
    const field = make("textarea", { style: "position: fixed; opacity: 0" });
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
}

async function copyPicture(picture) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: picture.naturalWidth, height: picture.naturalHeight });
  const pen = canvas.getContext("2d");
  const ground = { dark: "#171b21", light: "#fff" }[picture.dataset.scheme];
  if (ground) (pen.fillStyle = ground), pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, 0, 0);
  await navigator.clipboard.write([new ClipboardItem({ "image/png": new Promise((resolve) => canvas.toBlob(resolve, "image/png")) })]);
}

async function download(cell, extension, make) {
  const address = URL.createObjectURL(new Blob([cell.code], { type: "application/octet-stream" }));
  make("a", { href: address, download: `${cell.id || "cell"}${await extension()}` }).click();
  URL.revokeObjectURL(address);
}
