"""Scaffolded projects: `kopfkit init`, `create api`, `edit` and `update`.

A project records in its pyproject.toml the commands that made it. What they make is a function of
those commands and of a tree of templates (`rendering`), so every command works in one way: the
project is rendered as it was made and as it is to be, and the difference is merged into the files
that are there (`merging`).

templates/<version>/ has the templates of kopfkit <version> and of later ones up to the next tree.
A tree that was released is never changed: the next release's changes go into a copy of it.
"""
