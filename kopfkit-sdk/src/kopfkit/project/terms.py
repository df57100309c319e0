"""The words that catalogs know: capability levels, categories, platforms, features.

Sources: OperatorHub.io's lists (operator-framework/api, pkg/validation/internal), OLM's and
OpenShift's documentation of a CSV's labels and annotations.
"""

CAPABILITIES = (
    "Basic Install",
    "Seamless Upgrades",
    "Full Lifecycle",
    "Deep Insights",
    "Auto Pilot",
)
CATEGORIES = (
    "AI/Machine Learning",
    "Application Runtime",
    "Big Data",
    "Cloud Provider",
    "Database",
    "Developer Tools",
    "Integration & Delivery",
    "Logging & Tracing",
    "Modernization & Migration",
    "Monitoring",
    "Networking",
    "Observability",
    "OpenShift Optional",
    "Security",
    "Storage",
    "Streaming & Messaging",
)
# Those that OLM's documentation of a CSV's labels names.
ARCHITECTURES = ("amd64", "arm64", "ppc64le", "s390x")

# What OpenShift's catalog asks every operator about (features.operators.openshift.io/<name>).
FEATURES = (
    "cnf",
    "cni",
    "csi",
    "disconnected",
    "fips-compliant",
    "proxy-aware",
    "tls-profiles",
    "token-auth-aws",
    "token-auth-azure",
    "token-auth-gcp",
)
