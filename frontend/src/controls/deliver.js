/** Hands a comm message to the session: the only place of the page that does. */

const BASE64_CHUNK_BYTES = 0x8000;

/**
 * Deliver a message and follow what it brings about to its end. `take(message)` is given each message of the kernel.
 * `began(interrupt)` is told how to interrupt the code that listens. Resolves with the state in which it ended. Raises Refused.
 */
export function deliver({ api, session, Run }, { msg_type, content, metadata = {}, buffers = [] }, { take, began }) {
  const run = new Run(api, { message: take, submitted: ({ id }) => began?.(() => api.interrupt(id)) });
  const message = { msg_type, content, metadata, buffers: buffers.map(base64Of) };
  return run.start({ session, message, keep: true });
}

function base64Of(buffer) {
  const bytes = ArrayBuffer.isView(buffer) ? new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength) : new Uint8Array(buffer);
  let text = "";
  for (let at = 0; at < bytes.length; at += BASE64_CHUNK_BYTES) text += String.fromCharCode(...bytes.subarray(at, at + BASE64_CHUNK_BYTES));
  return btoa(text);
}
