/** Plots of Bokeh: what nobody has chosen a colour for follows the page, by Bokeh's own themes. */
import { isDark, onScheme } from "../inside/scheme.js";
import { GRID, INK, LINE, PAPER } from "./theme.js";

// Model → attribute → colour in dark pages. Bokeh's own theme for dark pages changes letters and lines, too.
const DARK = {
  Plot: { background_fill_color: PAPER, border_fill_color: PAPER, outline_line_color: GRID },
  Grid: { grid_line_color: GRID },
  Axis: {
    axis_line_color: LINE, major_tick_line_color: LINE, minor_tick_line_color: LINE,
    major_label_text_color: INK, axis_label_text_color: INK,
  },
  Legend: { background_fill_color: PAPER, border_line_color: GRID, inactive_fill_color: PAPER, label_text_color: INK, title_text_color: INK },
  BaseColorBar: { background_fill_color: PAPER, title_text_color: INK, major_label_text_color: INK },
  ScaleBar: { background_fill_color: PAPER, border_line_color: GRID, bar_line_color: INK, label_text_color: INK, title_text_color: INK },
  TextAnnotation: { text_color: INK },
  LabelSet: { text_color: INK },
  Span: { line_color: INK },
  Slope: { line_color: INK },
  Arrow: { line_color: INK },
  ArrowHead: { line_color: INK, fill_color: INK },
  Glyph: { line_color: INK, text_color: INK },
};
const PICTURE_NAME = "plot"; // Bokeh would ask for one with a dialog, which a sandbox forbids

/** Be ready for the moment in which Bokeh's library is there and its script not yet. */
export function followBokeh() {
  addEventListener("bokeh", () => {
    const models = Bokeh.require("models");
    const theme = {
      get(model, attribute) {
        if (model instanceof models.SaveTool && attribute === "filename") return PICTURE_NAME;
        return isDark() ? darkValue(models, model, attribute) : undefined;
      },
    };
    Bokeh.require("core/properties").use_theme(theme);
    onScheme((dark) => {
      for (const each of Bokeh.documents) for (const model of each._all_models.values()) paint(models, model, dark);
    });
  });
}

function darkValue(models, model, attribute) {
  for (const [name, values] of Object.entries(DARK)) {
    if (attribute in values && models[name] && model instanceof models[name]) return values[attribute];
  }
  return undefined;
}

/** Give every property that its author has left alone the colour of the page's scheme. */
function paint(models, model, dark) {
  for (const property of model) {
    if (property.dirty) continue;
    const value = darkValue(models, model, property.attr);
    if (value === undefined) continue;
    model.setv({ [property.attr]: dark ? value : property.default_value(model) });
    property._dirty = false; // set by us, and so by nobody
  }
}
