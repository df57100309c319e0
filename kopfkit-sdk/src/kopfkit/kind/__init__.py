"""kind clusters: their node image, registry, storage and metrics-server."""
