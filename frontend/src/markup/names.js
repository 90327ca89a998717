/** What Markdown engines and authors call languages, where it is not the name that a server knows. */
export const IN_MARKUP = {
  py: "python", py3: "python", python3: "python", ipython: "python", ipython3: "python", pycon: "python", sagemath: "sage",
  "c++": "cpp", cplusplus: "cpp", sh: "bash", shell: "bash", js: "javascript", node: "javascript", md: "markdown",
};
