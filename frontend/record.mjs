// Writes built.json: what was built from what, by SHA-256. `make check` compares it with the files and needs no Node.
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

const RECORD = "built.json";

/** Record the sources in `here`, and what was built of them: paths below `root`. */
export async function record(here, root, built) {
  const sources = (await files(here)).filter((path) => path !== RECORD);
  const content = { sources: await digests(here, sources), built: await digests(root, built.sort()) };
  await mkdir(join(root, "frontend"), { recursive: true });
  await writeFile(join(root, "frontend", RECORD), `${JSON.stringify(content, null, 1)}\n`);
}

async function files(root, folder = "") {
  const entries = await readdir(join(root, folder), { withFileTypes: true });
  const inner = entries
    .filter(({ name }) => name !== "node_modules")
    .map((entry) => (entry.isDirectory() ? files(root, join(folder, entry.name)) : [join(folder, entry.name)]));
  return (await Promise.all(inner)).flat().sort();
}

async function digests(root, paths) {
  const digest = async (path) => [path, createHash("sha256").update(await readFile(join(root, path))).digest("hex")];
  return Object.fromEntries(await Promise.all(paths.map(digest)));
}
