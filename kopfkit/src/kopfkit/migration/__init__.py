"""Storage migration: every object of a CRD is written again, in the version that is stored now.

A CRD remembers in `status.storedVersions` each version that objects were ever stored in, and none
of them can be removed from it while an object may still be stored so. Kubernetes rewrites nothing
by itself, and OLM v0 does not either.

    definition   what a CRD says about its storage; what is refused, and why
    objects      reading pages, rewriting one object without ever changing it
    pace         so many a second, and patience with a server that is busy
    crd          the CRD in the cluster: look, checkpoint, the trim of storedVersions
    storage      the whole run
    keeper       the run that starts by itself, in the leader

It runs in the cluster and imports `kopfkit.runtime` only.
"""

from kopfkit.migration.storage import Result, State, migrate

__all__ = ["Result", "State", "migrate"]
