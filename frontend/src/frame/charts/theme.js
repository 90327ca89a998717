/** The colours of charts in dark pages; the paper is the cell's own dark background. */

export const PAPER = "#171b21";
export const INK = "#dfe5f0";
export const LINE = "#8a95a8";
export const GRID = "#3a4557";
export const ZERO = "#56627a";
