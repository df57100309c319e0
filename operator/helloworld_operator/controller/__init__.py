"""The controller: from a HelloWorld to its children and its status, and from a HelloWorldSnapshot
to its copy.

    names        what children and labels are called
    observe      whose an object is; what its spec says
    planning     what can be done now: the image to run, what to wait for
    wish         what the builders of children are given
    desired, autoscaling      one pure builder for each kind of child
    kinds        the table of children
    children     from what there is to what is wanted: create or apply only what differs
    claims       what of a child is ours alone, beyond what we set
    observed     what one reconcile saw, as one value
    pods, troubles            why pods do not start, read when they do not
    status       what to tell (pure)
    telling      telling it: status, log, Events, OLM
    reconcile    these, in this order, for one key
    stateful     the plan of a HelloWorld, from these four:
      upgrades     which image runs (pure)
      records      which image worked, and which did not (pure)
      volumes      the claim, and how it grows (pure)
      restoring    filling an empty volume
      retention, schedule     the snapshots the operator makes and deletes; when (pure)
    snapshots, originals      one reconcile of a HelloWorldSnapshot; what it is taken of
    jobs, owned  the Jobs; making what is never changed
    reconcilers, waiters      both reconcilers, and who waits for whom
    sources      events, lists and the slow resync that feed stores and queue
    rights       what it does with which resource
    process      the running process: election, queue, health, signals
    lifetime, beside          its tasks and signals; what the leader does beside reconciling

What it may do in the cluster, and all it does, says `rights`; what kopfkit's parts do for it (the
Lease, Events, migration, certificates), `kopfkit.project.rights`. All else is refused to it.
"""
