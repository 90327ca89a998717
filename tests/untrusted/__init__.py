"""The untrusted side."""
