/** Tries numbers until one, behind the salt, has the hash that the server asks for. */
import { digest } from "./sha256.js";

/** Return the number in [from, to) whose hash is `challenge` (hex), null when none is. */
export function search({ challenge, salt }, from, to) {
  const wanted = Int32Array.from({ length: 8 }, (_, i) => Number.parseInt(challenge.slice(8 * i, 8 * i + 8), 16) | 0);
  const before = new TextEncoder().encode(salt);
  const block = new Uint8Array(64 * Math.ceil((before.length + 20 + 9) / 64));
  block.set(before);
  for (let number = from; number < to; number += 1) {
    const digits = String(number);
    for (let i = 0; i < digits.length; i += 1) block[before.length + i] = digits.charCodeAt(i);
    const found = digest(block, before.length + digits.length);
    if (found[0] === wanted[0] && found.every((word, i) => word === wanted[i])) return number;
  }
  return null;
}
