"""The controller: from a HelloWorld to its children and its status, and from a HelloWorldSnapshot
to its copy. All of it is on `kopfkit.controller`.

    operator     both controllers, and the conversion
    names        what children and labels are called
    world        one HelloWorld in one reconcile: what is seen, found and decided
    helloworlds  one reconcile of a HelloWorld, from these:
      planning     what can be done now
      images         which image runs; which one worked, and which did not (pure)
      volumes        the claim, and how it grows (pure)
      restoring      filling an empty volume
      retention, schedule     the snapshots the operator makes and deletes; when (pure)
      desired, autoscaling    one builder for each kind of child (pure)
      status       what to tell
    snapshots, originals      one reconcile of a HelloWorldSnapshot; what it is taken of
    jobs         the Jobs that copy and restore
"""
