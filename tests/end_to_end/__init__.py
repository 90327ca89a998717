"""Tests that a student, an author or a host would recognise: everything real, over HTTP."""
