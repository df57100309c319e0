"""Images without a Docker engine: what goes into them, OCI layouts, registries."""
