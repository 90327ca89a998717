"""Chaos: a whole server under visitors, whose parts are stopped, killed, starved and deceived, by a seed.

``python -m bench.chaos --seed N --seconds S``; ``__main__.py`` says more.
"""
