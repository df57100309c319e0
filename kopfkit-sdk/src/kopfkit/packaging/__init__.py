"""From a project's description to files: kustomize tree, OLM bundle, file-based catalog.

Every generator is a pure function of the project and the release; none reads the clock, the
environment or the disk. `writer` alone touches the disk.
"""
