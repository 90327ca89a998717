// The built files carry other people's work; their licences go along.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

// Where, after a title and whose work it is, the terms begin that many packages share.
const TERMS = /^[ \t]*(?:Permission (?:is hereby granted|to use, copy)|Redistribution and use in)/m;

/** Return the licences of packages and of all that they are made of: who made each, and the terms that several share once. */
export async function licences(here, packages) {
  const lock = JSON.parse(await readFile(join(here, "package-lock.json"), "utf8")).packages;
  const holders = new Map(); // text → names
  const shared = new Map(); // terms, however their lines are broken → {terms, makers}
  for (const place of [...reachable(lock, packages)].sort()) {
    const name = place.slice(place.lastIndexOf("node_modules/") + "node_modules/".length);
    const text = await licenceOf(join(here, place), lock[place]);
    holders.set(text, [...(holders.get(text) ?? []), `${name} ${lock[place].version}`]);
  }
  for (const [text, names] of holders) {
    const [maker, terms] = split(text);
    const key = terms.replace(/\s+/g, " ");
    if (!shared.has(key)) shared.set(key, { terms, makers: [] });
    shared.get(key).makers.push(`${names.join("\n")}\n\n${maker}`.trim());
  }
  const written = [...shared.values()].map(({ terms, makers }) => `${makers.join("\n\n")}\n\n${terms}\n`);
  return written.join(`\n${"-".repeat(80)}\n\n`);
}

function split(text) {
  const at = text.search(TERMS);
  return at < 0 ? ["", text] : [text.slice(0, at), text.slice(at)];
}

/** Return the places in node_modules of packages and of what they depend on. */
function reachable(lock, packages) {
  const found = new Set();
  const visit = (name, from) => {
    const place = placeOf(lock, name, from);
    if (found.has(place)) return;
    found.add(place);
    for (const needed of Object.keys(lock[place].dependencies ?? {})) visit(needed, place);
  };
  for (const name of packages) visit(name, "");
  return found;
}

/** Return where a package that another one asks for lies: beside it, or nearer to the root. */
function placeOf(lock, name, from) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(folder.lastIndexOf("/node_modules/"), 0))) {
    const place = folder ? `${folder}/node_modules/${name}` : `node_modules/${name}`;
    if (lock[place]) return place;
    if (!folder) throw new Error(`${name} is not in package-lock.json`);
  }
}

async function licenceOf(folder, { license }) {
  const file = (await readdir(folder)).find((entry) => /^(LICEN[SC]E|COPYING)/i.test(entry));
  if (file) return (await readFile(join(folder, file), "utf8")).replace(/\r\n/g, "\n").trim();
  return `Licence named in its package.json: ${license}`;
}
