"""Runs cells in a kernel of somebody else's, a program beside the worker, by Jupyter's protocol over Unix sockets."""
