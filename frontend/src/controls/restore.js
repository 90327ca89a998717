/** What a session's controls have brought about before the page was opened again. */

const TURNS_MAX = 10;

/**
 * Take the messages of the session's last turns that only delivered something to a control; `known`: cells' computations.
 * Returns whether the session still lives. What the server no longer has is left out.
 */
export async function replay(api, session, known, take) {
  const described = await api.session(session).catch(() => null);
  if (!described) return false;
  const later = described.computations.slice(-TURNS_MAX).filter((id) => !known.has(id));
  const turns = await Promise.all(later.map((id) => api.messages(id, -1, 0).catch(() => ({ messages: [] }))));
  for (const { messages } of turns) {
    // Cells that share the session take their messages themselves.
    if (!messages.some(({ header }) => header.msg_type === "execute_input")) messages.forEach(take);
  }
  return described.state !== "gone";
}

/** Return an id that no other comm has; `randomUUID` is there on https alone. */
export function newId() {
  return crypto.randomUUID?.() ?? `control-${Math.random().toString(36).slice(2)}`;
}
