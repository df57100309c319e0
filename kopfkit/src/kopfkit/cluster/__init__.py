"""Clusters to try an operator on: the tools, the control plane, kind, the registry and OLM."""
