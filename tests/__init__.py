"""Test the tree, room by room."""
