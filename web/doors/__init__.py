"""The doors: what speaks the protocol of another server, over the store and the devices that serve all computations.

Each door is a group of routes, in files that begin with its name. Its shares, budgets, keys and limits are those of
``POST /computations``.
"""
