"""The Helm chart of an operator, from the same objects as the kustomize tree.

With default values it renders what `kustomize build config/default` gives, without the Namespace
(docs/decisions/0038-helm-chart.md).
"""
