/** Grammars of languages that few pages have; loaded when the first such cell is there. */
import "prism-code-editor/prism/languages/bash";
import "prism-code-editor/prism/languages/c";
import "prism-code-editor/prism/languages/cpp";
import "prism-code-editor/prism/languages/java";
import "prism-code-editor/prism/languages/javascript";
import "prism-code-editor/prism/languages/markup";
import "prism-code-editor/prism/languages/markdown";

export { languages } from "prism-code-editor/prism";
