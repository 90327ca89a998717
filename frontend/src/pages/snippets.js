/** The lines that put a cell into a page: with a script, in a frame, or as a block of code in Markdown. */
import { putText } from "../share.js";

const OUTPUT_ROOM_PX = 220; // below the cell, where nobody listens to what the frame says of its height
const ADDRESS_CHARACTERS_MAX = 7000; // nginx takes a line of 8 KiB

/** `what`: {server, script: {path, integrity}, attributes: [[name, value]], code, setup, label, height_px}. */
export function scriptLines({ server, script, attributes, code, setup }) {
  const written = attributes.map(([name, value]) => (value === "" ? name : `${name}="${quoted(value)}"`)).join(" ");
  return `${scriptLine(server, script)}\n<single-cell ${written}>${setupLines(setup)}<pre>\n${escaped(code)}</pre></single-cell>`;
}

export function markdownLines({ server, script, attributes: [[, language], ...others], code, setup }) {
  const fence = "`".repeat(Math.max(3, ...[...code.matchAll(/`+/g)].map(([ticks]) => ticks.length + 1)));
  const options = [["select", `pre > code.language-${language}`], ...others].map(([name, value]) => ` data-${name}="${quoted(value)}"`);
  const hidden = setup ? [setupLines(setup), ""] : [];
  return [scriptLine(server, script, options.join("")), "", ...hidden, fence + language, code, fence].join("\n");
}

/** `address`: of the frame, where it is not to be made of the code. */
export async function frameLines(what, address) {
  const source = address ?? (await frameAddress(what));
  const height_px = what.height_px + OUTPUT_ROOM_PX;
  return [
    `<iframe src="${quoted(source)}" title="${quoted(what.label)} cell"`,
    `  width="100%" height="${height_px}" style="border: 0" loading="lazy" allow="clipboard-write"></iframe>`,
  ].join("\n");
}

/** Return the address of a frame whose code the server keeps. */
export async function keptAddress(api, { server, attributes, code, setup }) {
  const [[, language], ...others] = attributes;
  const { id } = await api.permalink({ code, setup, language });
  const address = new URL("cell", server);
  for (const [name, value] of [["q", id], ...others]) address.searchParams.set(name, value);
  return address.href;
}

export function tooLong(text) {
  return text.length > ADDRESS_CHARACTERS_MAX;
}

async function frameAddress({ server, attributes, code, setup }) {
  const address = new URL("cell", server);
  for (const [name, value] of attributes) address.searchParams.set(name, value);
  await putText(address, code, "code", "z");
  if (setup) await putText(address, setup, "setup", "zsetup");
  return address.href;
}

function scriptLine(server, { path, integrity }, options = "") {
  const check = integrity ? ` integrity="${integrity}" crossorigin` : "";
  return `<script type="module" src="${server}${path}"${check}${options}></script>`;
}

function setupLines(setup) {
  return setup && `<pre data-setup hidden>\n${escaped(setup)}</pre>`;
}

function escaped(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

function quoted(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
}
