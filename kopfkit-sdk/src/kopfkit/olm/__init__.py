"""The Operator Lifecycle Manager in a cluster, and operators that it installs and removes."""
