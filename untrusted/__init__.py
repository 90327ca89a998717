"""What the untrusted account runs: supervisor, zygotes, workers. Believed by nobody; imports ``wire`` alone of ours."""
