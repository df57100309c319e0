"""The CEL of validation rules (`x-kubernetes-validations`), evaluated without an API server.

For what has to know beforehand whether the API server will take an object: tests that generate
objects, and looks into the future of an upgrade. The language and its meaning are those of the CEL
specification (github.com/google/cel-spec, doc/langdef.md) and of Kubernetes' libraries
(k8s.io/apiserver pkg/cel/library): macros, `has`, strings, regular expressions in Go's syntax,
quantities. Left out: timestamps, durations, URLs, IP addresses, `format`, two-variable macros, and
the estimate of a rule's cost. A rule that uses what is left out is refused when it is compiled,
never guessed at.

The API server stays the judge: `tests/integration/conversion/test_generated_rules.py` asks it.
"""

from kopfkit.crd.cel.errors import CelError, UnsupportedRule
from kopfkit.crd.cel.program import Program, compile_rule
from kopfkit.crd.cel.regexes import python_regex

__all__ = ["CelError", "Program", "UnsupportedRule", "compile_rule", "python_regex"]
