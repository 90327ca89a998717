/** `/genes`: the groups that are chosen stand in a line of the cell's code; the rest of it is the reader's. */

const LINE = /^groups <- c\(.*\)$/m;

export async function chooseGroups(form) {
  const cell = document.querySelector("single-cell");
  const selects = [...form.querySelectorAll("select")];
  await customElements.whenDefined("single-cell");
  const write = () => {
    only(selects);
    const line = `groups <- c(${selects.map(({ value }) => JSON.stringify(value)).join(", ")})`;
    cell.code = LINE.test(cell.code) ? cell.code.replace(LINE, line) : `${line}\n${cell.code}`;
  };
  form.addEventListener("change", write);
  form.addEventListener("submit", (event) => event.preventDefault());
  // On a slow line a reader has chosen before this script has come.
  const isChosen = selects.some(({ selectedOptions: [option] }) => !option.defaultSelected);
  if (isChosen) write();
  else only(selects);
}

/** A group cannot be compared with itself. */
function only([first, second]) {
  for (const [one, other] of [[first, second], [second, first]]) {
    for (const option of one.options) option.disabled = option.value === other.value;
  }
}
