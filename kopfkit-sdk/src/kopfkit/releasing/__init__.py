"""Making a release: from a clean checkout to a directory with everything that is published.

`rules` refuses what must not be released, `changelog`, `numbers` and `packaging.historyentry` write
what a release changes in the checkout, `materials` (bill of materials), `provenance` and `signing`
say what it is made of and by whom, `community` lays out a pull request's directory; `process` is
their order.
Nothing is pushed here (`publishing` does that, when told).
"""
