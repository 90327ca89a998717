/** What the server says when it refuses, in the reader's language; its own sentence where we have none for it. */
import { humanSize } from "./mime/files.js";
import { isEnglish, knows, say } from "./texts.js";

/** Return the sentence for what is refused for a while and tried again. */
export function busySentence(refusal) {
  const share = `share_${refusal.kind}`;
  if (knows(share)) return say(share, { minutes: Math.ceil((refusal.retryAfter_s ?? 0) / 60) });
  return `${sentenceOf(refusal)} ${say("again")}`;
}

/** Return the sentence for a Refused. */
export function sentenceOf({ status, kind, values, message }) {
  const { bytes, ...others } = values;
  if (kind && knows(kind)) return say(kind, { ...others, size: humanSize(Number(bytes), true) });
  if (knows(`status_${status}`) && !(isEnglish() && message)) return say(`status_${status}`);
  return isEnglish() ? message : say("refused", { sentence: message });
}
