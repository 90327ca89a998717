// Runs cells of JavaScript: they come through one descriptor, each with a zero behind it; the other is told of their ends.
"use strict";
const fs = require("node:fs");
const { createRequire } = require("node:module");
const { Readable } = require("node:stream");
const { inspect } = require("node:util");
const vm = require("node:vm");

const [cells, ends] = process.argv.splice(2).map(Number);
const NAME = "cell";
let end = {};

/** Return the bytes up to one of this value, or null at the end of the descriptor. */
function readTo(descriptor, last) {
  const bytes = [], byte = Buffer.alloc(1);
  while (fs.readSync(descriptor, byte, 0, 1, null) === 1) {
    if (byte[0] === last) return Buffer.from(bytes).toString();
    bytes.push(byte[0]);
  }
  return bytes.length ? Buffer.from(bytes).toString() : null;
}

function fail(error) {
  if (!(error instanceof Error) && typeof error?.stack !== "string") {
    end = { error: "Error", sentence: inspect(error), traceback: `Uncaught ${inspect(error)}` };
    return;
  }
  // Frames of ours and of Node say nothing to the reader.
  const lines = String(error.stack).split("\n").filter((line) => !/^\s+at .*(node:|cells\.js)/.test(line));
  end = { error: String(error.name ?? "Error"), sentence: String(error.message ?? ""), traceback: lines.join("\n") };
}

function show(value) {
  if (value !== undefined) end.value = inspect(value);
}

function evaluate(code) {
  try {
    return vm.runInThisContext(code, { filename: NAME });
  } catch (error) {
    const awaits = error instanceof SyntaxError && /\bawait\b/.test(code) && /await/.test(error.message);
    if (!awaits) throw error;
    return vm.runInThisContext(`(async () => {${code}\n})()`, { filename: NAME });
  }
}

function next() {
  const code = readTo(cells, 0);
  if (code === null) process.exit(0);
  end = {};
  try {
    const value = evaluate(code);
    if (value instanceof Promise) value.then(show, fail);
    else show(value);
  } catch (error) {
    fail(error);
  }
}

globalThis.require = createRequire(`${process.cwd()}/`);
globalThis.prompt = (question = "") => {
  fs.writeSync(1, String(question));
  return readTo(0, 10);
};
// The stream of Node waits for many things at once, where nobody sees that it waits for a line.
const lines = new Readable({
  highWaterMark: 1,
  read() {
    setImmediate(() => {
      if (lines.isPaused()) return;
      const line = readTo(0, 10);
      lines.push(line === null ? null : `${line}\n`);
    });
  },
});
Object.defineProperty(process, "stdin", { value: lines, configurable: true });

process.on("uncaughtException", fail);
// When nothing is left to wait for, the cell has come to its end.
process.on("beforeExit", () => {
  fs.writeSync(ends, `${JSON.stringify(end)}\n`);
  setImmediate(next);
});
next();
