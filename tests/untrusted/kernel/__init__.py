"""The kernel in a really forked process."""
