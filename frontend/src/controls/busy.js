/** What stands at a control while the kernel is at work for it, or the server keeps it waiting, with a button that ends that. */
const SHOWN_S = 1; // what takes less says nothing
const KILL_OFFERED_S = 2; // after Stop, when the code does not stop

export class Busy {
  #tools;
  #frame;
  #place;
  #stop; // (again) => promise
  #node = null;
  #said = null;
  #timer = null;
  #button = null;
  #isStopping = false;
  #offer = null;
  #mayKill = false; // a double click is no wish to end the session

  /** `frame`: of the control, in the node `place` that this is put into; `stop(again)`: ends what is under way, with `again` together with its session. */
  constructor(tools, { node, place }, stop) {
    this.#tools = tools;
    this.#frame = node;
    this.#place = place;
    this.#stop = stop;
  }

  /** Something is under way: when that takes long it is said. */
  begin() {
    this.#timer ??= setTimeout(() => this.#node ?? this.say(this.#tools.say("running")), SHOWN_S * 1000);
  }

  /** Say now what is waited for. */
  say(sentence) {
    if (this.#timer === null || this.#isStopping) return;
    const { make, say } = this.#tools;
    if (!this.#node) {
      this.#said = make("span");
      this.#button = make("button", { type: "button", onclick: () => this.#press() }, say("stop"));
      this.#node = make("p", { class: "notice busy", role: "status" }, this.#said, " ", this.#button);
      this.#place.append(this.#node);
    }
    this.#said.textContent = sentence;
  }

  /** Nothing is under way any more. */
  end() {
    clearTimeout(this.#timer);
    clearTimeout(this.#offer);
    // Who has pressed Stop goes on at the control.
    if (this.#node?.contains(this.#node.getRootNode().activeElement)) this.#frame.focus();
    this.#node?.remove();
    this.#node = this.#timer = null;
    this.#isStopping = this.#mayKill = false;
  }

  #press() {
    const { say } = this.#tools;
    if (this.#isStopping && !this.#mayKill) return;
    this.#stop(this.#isStopping).catch(console.warn);
    if (this.#isStopping) return;
    this.say(say("stopping"));
    this.#isStopping = true;
    this.#button.setAttribute("aria-disabled", true); // a disabled one would lose the focus
    this.#offer = setTimeout(() => {
      this.#mayKill = true;
      this.#button.removeAttribute("aria-disabled");
      this.#button.replaceChildren(say("kill"));
    }, KILL_OFFERED_S * 1000);
  }
}
