/** What an output's document says to the frame around it. */

export function tell(message) {
  parent.postMessage(message, "*");
}
