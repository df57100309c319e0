"""The controller: from a HelloWorld to its children and its status, and from a HelloWorldSnapshot
to its copy.

    names        what children and labels are called
    observe      whose an object is; what its spec says
    planning     what can be done now: the image to run, what to wait for
    wish         what the builders of children are given
    desired, autoscaling      one pure builder for each kind of child
    kinds        the table of children
    children     from what there is to what is wanted: create or apply only what differs
    fieldowners  which fields of a child are ours, and giving one away
    observed     what one reconcile saw, as one value
    pods, troubles            why pods do not start, read when they do not
    status       what to tell (pure)
    telling      telling it: status, log, Events, OLM
    reconcile    these, in this order, for one key
    stateful     the plan of a HelloWorld, from these four:
      upgrades     which image runs (pure)
      volumes      the claim, and how it grows (pure)
      restoring    filling an empty volume
      retention, schedule     the snapshots the operator makes and deletes; when (pure)
    snapshots, originals      one reconcile of a HelloWorldSnapshot; what it is taken of
    jobs, owned  the Jobs; making what is never changed
    reconcilers, waiters      both reconcilers, and who waits for whom
    sources      events, lists and the slow resync that feed stores and queue
    process      the running process: election, queue, health, signals

What it may do in the cluster, and all it does (verbs used, by resource; everything else is refused
to it):

    ""                    services                get list watch create patch
    apps                  deployments             get list watch create patch
    autoscaling           horizontalpodautoscalers    get list watch create patch delete
    ""                    persistentvolumeclaims  get list watch create patch
    batch                 jobs                    get list watch create delete
    ""                    pods                    list
    events.k8s.io         events                  create patch
    test.jiaozi.com       helloworlds             get list watch
    test.jiaozi.com       helloworlds/status      patch
    test.jiaozi.com       helloworldsnapshots     get list watch create delete
    test.jiaozi.com       helloworldsnapshots/status  patch
    test.jiaozi.com       both kinds' /finalizers update    (never called; blockOwnerDeletion needs
                                                  it where OwnerReferencesPermissionEnforcement
                                                  is on, as in OpenShift)
    coordination.k8s.io   leases                  create; get update on the name helloworld-operator
                                                  (in the operator's own namespace only)

and with --manage-certificates only:

    ""                    secrets                 create; get update on the name
                                                  helloworld-operator-webhook-service-cert
                                                  (in the operator's own namespace only)
    apiextensions.k8s.io  customresourcedefinitions  get patch on the name
                                                  helloworlds.test.jiaozi.com

Discovery (/api, /apis and below) is open to every service account by system:discovery.
"""
