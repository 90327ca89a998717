"""What the untrusted account runs: supervisor, zygotes, workers. Believed by nobody; may import ``wire`` and nothing else of ours."""
