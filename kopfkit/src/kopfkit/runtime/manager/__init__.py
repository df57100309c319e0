"""What keeps a controller at work.

watching        kopf as the source of events, kept alive; feeds: what kopf reads; watchdog: a
                watch that has gone silent; kopfsettings; kopftasks: kopf's tasks, ended for
                certain
store           the objects last seen, fed by watch events and by a slow resync
queue           the keyed work queue: deduplicated, serial per key, backoff that news interrupts
recovery        the API server is well again: what waited for it is tried at once
lease           leader election by Lease; looking: what the leader looks at again and again
events          Kubernetes Events in series, limited per object; eventbodies: their content
"""
