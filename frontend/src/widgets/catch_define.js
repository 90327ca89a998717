/** anywidget's script for browsers is a module of AMD: it hands its classes to `define`. */

export const defined = {};

globalThis.define = (_, make) => {
  defined.make = make;
  delete globalThis.define;
};
