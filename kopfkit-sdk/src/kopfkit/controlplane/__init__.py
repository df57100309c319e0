"""A Kubernetes control plane as plain processes, for what needs an API server and no node."""
