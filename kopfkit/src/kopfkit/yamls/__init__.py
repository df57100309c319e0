"""YAML and JSON as Kubernetes reads and writes them: the one module that imports PyYAML.

kubectl, the API server, OLM, opm and helm read YAML with sigs.k8s.io/yaml, which is YAML 1.1 with
parts of 1.2 and ends in JSON. PyYAML is another YAML 1.1: of the same text it makes dates, numbers
to the base 60 and other strings. Here PyYAML only parses; what a scalar means is decided as Go does
(`scalars`), and what is written means the same to both (`writing`).
"""

from kopfkit.yamls.errors import DocumentError
from kopfkit.yamls.loading import ENDINGS, LARGEST, each, load, load_all, read, read_all
from kopfkit.yamls.writing import dump

__all__ = [
    "ENDINGS",
    "LARGEST",
    "DocumentError",
    "dump",
    "each",
    "load",
    "load_all",
    "read",
    "read_all",
]
