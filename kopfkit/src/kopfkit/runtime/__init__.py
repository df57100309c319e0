"""What a running operator needs around kopf, and nothing about any one operator.

    api         the API server: one client, its errors, how fields are compared and owned
    manager     what keeps a controller at work: watches, cache, queue, Lease, Events
    telemetry   what an operator tells about itself: metrics, health, traces, logs
    olm         living under the Operator Lifecycle Manager

Importing this package, or one of those, imports no module: a process pays for what it uses.
"""
