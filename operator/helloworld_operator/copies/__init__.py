"""Copies of a guest book on a volume of their own: the commands that Jobs run.

    archive   the two files a copy consists of, and when it counts as complete
    fetch     `snapshot`: from a running greeting server into a volume
    restore   `restore`: from such a volume into an empty one

Both commands can be killed at any point and run again: they end in the same files. What they say
at their end is told by `kopfkit.termination`. They use the standard library only, and no Kubernetes
client: their pods have no token.
"""
