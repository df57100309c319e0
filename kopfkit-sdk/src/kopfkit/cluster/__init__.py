"""Clusters to try an operator on: which kind of one, its start and end, and dry runs against it."""
