/** `/installed`: finds packages by a part of their names. */

export function filterPackages(page) {
  const filter = page.querySelector("#filter");
  const field = filter.querySelector("input");
  const status = filter.querySelector("[role=status]");
  const packages = [...page.querySelectorAll(".packages li")];
  filter.hidden = !packages.length;
  const show = () => {
    const wanted = field.value.trim().toLowerCase().replaceAll("_", "-");
    for (const item of packages) item.hidden = !item.textContent.toLowerCase().includes(wanted);
    const found = packages.filter((item) => !item.hidden).length;
    for (const section of page.querySelectorAll(".installed")) section.hidden = Boolean(wanted) && !section.querySelector("li:not([hidden])");
    status.textContent = wanted ? `${found} of ${packages.length}` : "";
  };
  field.addEventListener("input", show);
  show();
}
