/** SageMathCell's API, and that of the single cell server of 2011, over <single-cell>. A classic script. */
import "../main.js";
import { offerJquery } from "./jquery.js";
import * as sagecell from "./make.js";

offerJquery();
const api = globalThis.sagecell ?? {};
for (const [name, value] of Object.entries(sagecell)) api[name] ??= value;
globalThis.sagecell = api;
globalThis.singlecell = Object.assign(globalThis.singlecell ?? {}, {
  init: api.init,
  makeSinglecell: api.makeSagecell,
  deleteSinglecell: api.deleteSagecell,
  moveInputForm: api.moveInputForm,
  restoreInputForm: api.restoreInputForm,
  templates: api.templates,
});
