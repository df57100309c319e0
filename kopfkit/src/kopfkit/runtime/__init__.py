"""What a running operator needs around kopf, and nothing about any one operator.

    credentials   where the API server is and who we are; the only importer of `kubernetes`
    client        what is asked of the API server, with its failures as own types (`errors`);
                  session: one request and its answer; gate: writes only while we lead;
                  resources: names of what is asked for
    views         a resource seen through another version than the code is written for
    store         the objects last seen, fed by watch events and by a slow resync
    queue         the keyed work queue: deduplicated, serial per key, backoff that news interrupts
    recovery      the API server is well again: what waited for it is tried at once
    lease         leader election by Lease, with client-go's meaning of every field
    watching      kopf as the source of events, kept alive; watchdog: a watch that has gone silent;
                  kopftasks: kopf's tasks, ended for certain
    events        Kubernetes Events in series, limited per object
    operatorcondition  OLM's condition Upgradeable
    fields        which fields of a wanted object the live one lacks; contradictions: what in it has
                  to go, by the facts about its kind (`schemas`); managedfields: how it goes
    logs, health  one line per decision; /healthz and /readyz; listening: the sockets of servers
    metrics       Prometheus metrics of queues, requests, watches; metricobjects: of the objects;
                  conversionmetrics: of a webhook; exposition: the /metrics server
    monitoring    ServiceMonitor and PrometheusRule where their API is served
    tracing, otlp spans of reconciles, and their way to a collector
    certificates  serving certificates made in the cluster, where neither OLM nor cert-manager does
    looking       what the leader looks at again and again
    protection    a CRD whose conversion cannot be taken away while objects depend on it
    ownership     OLM's certificate Secret, kept through upgrades; renewal: a new one, used at once

Importing this package imports none of them: a process pays for what it uses.
"""
