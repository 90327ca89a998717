/** What a verdict looks like: a mark and a word, the message, and a line for each test. */
import { make } from "../dom.js";
import { number, say } from "./texts.js";

/** Return the nodes of a verdict. Marks are for the eye; words say the same. */
export function verdictNodes({ correct, message, type, points, points_max, tests }) {
  const word = say(correct ? "correct" : type === "error" && !tests.length ? "no_verdict" : "wrong");
  const head = make("p", { class: "head" }, mark(correct), make("strong", {}, word));
  if (points_max > 1) head.append(make("span", { class: "quiet" }, say("points", { points: number(points), most: number(points_max) })));
  const nodes = [head];
  if (message) nodes.push(make("p", { class: "message", dir: "auto" }, message));
  if (tests.length) nodes.push(make("ul", { class: "tests", part: "tests" }, ...tests.map(testNode)));
  return nodes;
}

function testNode({ name, passed, shown, expected, got, message }) {
  const node = make("li", { class: passed ? "passed" : "missed" }, mark(passed), make("span", { class: "unseen" }, `${say(passed ? "passed" : "missed")}: `));
  node.append(name ? make("code", { dir: "ltr" }, name) : say(shown ? "test" : "hidden_test"));
  if (passed || !shown) return node;
  const pairs = [["expected", expected], ["got", got]].filter(([, value]) => value);
  for (const [word, value] of pairs) node.append(make("span", { class: "pair" }, `${say(word)} `, make("code", { dir: "ltr" }, value)));
  if (message) node.append(make("span", { class: "pair", dir: "auto" }, message));
  return node;
}

function mark(good) {
  return make("span", { class: "mark", "aria-hidden": "true" }, good ? "✓" : "✗");
}
