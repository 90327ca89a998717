"""Hosts: web part and database, devices, and hosts for cells, each in namespaces of its own, cut off from each other.

``python -m bench.hosts``; ``__main__.py`` says more.
"""
