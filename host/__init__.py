"""``make run``: accounts, environments and processes of everything on one machine."""
