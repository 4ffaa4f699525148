"""A program that cannot be loaded."""

raise ImportError("as intended")
