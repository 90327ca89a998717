"""Runs inside a worker what a reader submits; ``docs/messages.md`` says which messages it sends."""
