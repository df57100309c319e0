"""The controller: from a HelloWorld to its Deployment, its Service and its status.

    names      what children and labels are called
    desired    the children that are wanted (pure; one builder each)
    observe    what there is: the object, its children, whose they are
    children   from one to the other: create or apply only what differs
    status     what to tell (pure)
    reconcile  these, in this order, for one key
    sources    events, lists and the slow resync that feed stores and queue
    process    the running process: election, queue, health, signals

What it may do in the cluster, and all it does (verbs used, by resource; everything else is refused
to it):

    ""                    services                get list watch create patch
    apps                  deployments             get list watch create patch
    test.jiaozi.com       helloworlds             get list watch
    test.jiaozi.com       helloworlds/status      patch
    test.jiaozi.com       helloworlds/finalizers  update    (never called; blockOwnerDeletion needs
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
