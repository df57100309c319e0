"""This machine: processes, files, ports, where things are kept, progress as a person sees it."""
