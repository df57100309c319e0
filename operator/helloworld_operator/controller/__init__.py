"""The controller: from a HelloWorld to its children and its status, and from a HelloWorldSnapshot
to its copy.

    names        what children and labels are called
    observe      whose a child is; what a spec says
    planning     what can be done now: the image to run, what to wait for
    wish         what the builders of children are given
    desired, autoscaling      one pure builder for each kind of child
    kinds        the table of children
    children     kopfkit.controller.children with HelloWorld's names and reasons
    claims       what of a child is ours alone, beyond what we set
    observed     what one reconcile saw, as one value
    pods, troubles            why pods do not start, read when they do not
    status       what to tell (pure)
    telling      telling it: status, Events, OLM
    reconcile    these, in this order, for one key
    stateful     the plan of a HelloWorld, from these four:
      upgrades     which image runs (pure)
      records      which image worked, and which did not (pure)
      volumes      the claim, and how it grows (pure)
      restoring    filling an empty volume
      retention, schedule     the snapshots the operator makes and deletes; when (pure)
    snapshots, originals      one reconcile of a HelloWorldSnapshot; what it is taken of
    jobs         the Jobs
    reconcilers  both reconcilers, which wait for one another
    sources      what is watched, and whom its events concern
    rights       what it does with which resource
    process      kopfkit.controller.Manager with both reconcilers

What it may do in the cluster, and all it does, says `rights`; what kopfkit's parts do for it (the
Lease, Events, migration, certificates), `kopfkit.project.rights`. All else is refused to it.
"""
