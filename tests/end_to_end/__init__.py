"""Test what a student, an author or an operator would recognise: everything real, over HTTP."""
