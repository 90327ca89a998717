"""Languages, in a kernel of their own environment."""
