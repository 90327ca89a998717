/** What SageMathCell's pages use of the kernel of a cell, `sagecell.kernels[n]`, and of a run, `info.session`. */
import { apiOf } from "../api.js";
import { Run } from "../run.js";
import { isLinked, sessionOf } from "../session.js";
import { pagesJquery } from "./jquery.js";

const OUTPUTS = ["stream", "display_data", "execute_result", "error", "update_display_data"];
let count = 0;

/** A kernel: that of linked cells runs all of their code, another one is fresh for each call. */
export class Kernel {
  opened = true;
  running = true;

  constructor(cell) {
    this.cell = cell;
  }

  is_connected() {
    return this.running;
  }

  /** Run code beside the cell. Calls `iopub.output(message)`, `iopub.clear_output`, `iopub.status`, `shell.reply`; returns an id. */
  execute(code, callbacks) {
    const { iopub = {}, shell = {} } = callbacks ?? {};
    const { language } = this.cell;
    const hear = (message) => {
      const type = message.header.msg_type;
      const call = type === "execute_reply" ? shell.reply : OUTPUTS.includes(type) ? iopub.output : iopub[type];
      call?.({ ...message, msg_type: type, msg_id: message.header.msg_id });
    };
    const run = new Run(apiOf(this.cell), { message: hear });
    const submission = { code: String(code), language, stdin: false };
    sessionOf(this.cell).run(run, "", submission, () => {}).catch((error) => console.error(`sagecell: ${error.message}`));
    count += 1;
    return `execute-${count}`;
  }

  interrupt() {
    return this.cell.stop();
  }

  kill() {
    this.running = false;
    return this.cell.stop();
  }
}

/** Return the number of the kernel with this link key, or of a new one. */
export function numberOf(linkKey) {
  const { kernels, linkKeys } = globalThis.sagecell;
  if (linkKey !== undefined && Object.hasOwn(linkKeys, linkKey)) return linkKeys[linkKey];
  const number = kernels.push(null) - 1;
  if (linkKey !== undefined) linkKeys[linkKey] = number;
  return number;
}

/** Return the kernel of a run that begins now: linked cells have one, others a new one for each run. */
export function kernelOf(cell, number) {
  const { kernels } = globalThis.sagecell;
  if (!isLinked(cell) || !kernels[number]) kernels[number] = new Kernel(cell);
  return kernels[number];
}

/** Return what pages read of the run that begins now: its code and the element that shows its output. */
export function sessionOfRun({ cell, outputHost }, kernel) {
  const outputDiv = outputHost.closest(".sagecell");
  const code = cell.code;
  return {
    cell, kernel, code, rawcode: code, language: cell.language, linked: isLinked(cell), output_block: outputHost,
    files: {}, interacts: [],
    execute: (more) => kernel.execute(more),
    get outputDiv() {
      return pagesJquery()?.(outputDiv) ?? [outputDiv];
    },
  };
}
