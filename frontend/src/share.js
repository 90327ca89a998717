/** The dialog with links to this code and its setup: one that carries them in it, one that the server keeps. Loaded when asked for. */

/** `shared`: {code, setup, language}. `tools`: {icon(name), make(tag, properties, …), say(key), sentenceOf(error)}. */
export function openShare(root, api, shared, tools) {
  const { icon, make, say, sentenceOf } = tools;
  const close = make("button", { type: "button", class: "tool", "aria-label": say("close"), onclick: () => dialog.close() }, icon("close"));
  const header = make("header", {}, make("h2", { id: "share-title" }, say("share_title")), close);
  const long = link("share-long", say("link_long"), tools);
  const short = link("share-short", say("link_short"), tools);
  const dialog = make("dialog", { part: "dialog", "aria-labelledby": "share-title", onclose: () => dialog.remove() }, header, long.node, short.node);
  (root.querySelector(".cell") ?? root).append(dialog);
  dialog.showModal();
  longAddress(api.server, shared).then(long.show);
  short.offer(say("link_make"), async () => {
    try {
      return (await api.permalink(shared)).url;
    } catch (error) {
      return { refused: sentenceOf(error) };
    }
  });
}

function link(id, label, { make, say }) {
  const field = make("input", { id, class: "field", readonly: true, dir: "ltr", onfocus: () => field.select() });
  const button = make("button", { type: "button", onclick: () => act() }, say("copy"));
  const note = make("p", { class: "notice", role: "status" });
  const copy = async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      document.execCommand("copy"); // in pages without a secure origin there is no other way
    }
    note.textContent = say("copied");
  };
  let act = copy;
  const show = (address) => {
    field.value = address;
    button.textContent = say("copy");
    act = copy;
  };
  const offer = (text, fetchAddress) => {
    button.textContent = text;
    act = async () => {
      const address = await fetchAddress();
      if (address.refused) note.textContent = address.refused;
      else show(address), await copy();
    };
  };
  const node = make("div", { class: "link" }, make("label", { for: id }, label), make("div", {}, field, button), note);
  return { node, show, offer };
}

/** Return the address of the server's page with the code in it. */
async function longAddress(server, { code, setup, language }) {
  const address = new URL(server);
  await putText(address, code, "c", "z");
  if (setup) await putText(address, setup, "setup", "zsetup");
  address.searchParams.set("lang", language);
  return address.href;
}

/** Put a text into an address: as it is, or under the second name compressed, where that is shorter. */
export async function putText({ searchParams }, text, plain, compressed) {
  const packed = typeof CompressionStream === "function" ? await deflate(text) : null;
  if (packed && packed.length < encodeURIComponent(text).length) searchParams.set(compressed, packed);
  else searchParams.set(plain, text);
}

/** zlib and then URL-safe base64, as SageMathCell's links have it. */
async function deflate(text) {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("deflate"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_");
}
