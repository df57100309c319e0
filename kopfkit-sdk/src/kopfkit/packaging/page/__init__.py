"""The page of an operator in a catalog, as OperatorHub and the OpenShift console show it.

`model` takes it from a ClusterServiceVersion, CRDs and the upgrade graph; `harmless` makes what
others wrote safe to show, and `drawing` says of which icons a browser would never be done;
`rendering` writes it as one HTML file that fetches nothing.
"""
