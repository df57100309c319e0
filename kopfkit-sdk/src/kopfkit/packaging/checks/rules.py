"""What a bundle is judged by: each rule's severity, and who says so.

An error is what OLM, opm or the API server refuses, a warning is what they warn of or pass over in
silence. A house rule is kopfkit's own: no tool refuses a bundle for it, so it is asked only of
bundles that are made to keep it.
"""

from dataclasses import dataclass
from typing import Final

ERROR: Final = "error"
WARNING: Final = "warning"
HOUSE: Final = "house rule"
# From the mildest to the worst.
SEVERITIES: Final = (HOUSE, WARNING, ERROR)


@dataclass(frozen=True)
class Rule:
    """A rule.

    Attributes:
        severity: one of SEVERITIES.
        source: who refuses or warns, and where that stands.
    """

    severity: str
    source: str


_OPM = "opm: operator-registry pkg/lib/bundle/validate.go"
_FBC = "opm: operator-registry alpha/declcfg/declcfg_to_model.go"
_MODEL = "opm: operator-registry alpha/model/model.go"
_RESOLVER = "OLM v0: pkg/controller/registry/resolver"
_RESOLVERS = f"{_RESOLVER}; OLM v1: operator-controller internal/operator-controller/resolve"
_SDK = "operator-sdk: operator-framework/api pkg/validation"
_OLM = "OLM: pkg/controller"
_API = "the API server"
_ADMISSION = "the API server: pkg/apis/admissionregistration/validation"
_OWN = "kopfkit"
_PREFLIGHT = "OpenShift's certification: openshift-preflight internal/policy"

# Identifier -> rule. Identifiers are part of the output; they do not change.
RULES: Final[dict[str, Rule]] = {
    "unreadable": Rule(ERROR, "sigs.k8s.io/yaml, with which OLM and opm read"),
    "wrong-type": Rule(ERROR, "the Go types with which OLM and the API server decode"),
    "no-manifests": Rule(ERROR, _OPM),
    "one-csv": Rule(ERROR, "operator-sdk: operator-framework/api pkg/manifests"),
    "no-name": Rule(ERROR, _API),
    "second-document": Rule(WARNING, f"{_OPM}: of each file the first document is read"),
    "name-twice": Rule(ERROR, f"{_SDK}/internal/bundle.go"),
    "unsupported-kind": Rule(ERROR, f"{_OPM}, supported_resources.go"),
    "crd-v1beta1": Rule(ERROR, f"{_API}, since Kubernetes 1.22"),
    "annotations": Rule(ERROR, _OPM),
    "channel-twice": Rule(HOUSE, _OWN),
    "dockerfile-labels": Rule(HOUSE, _OWN),
    "project-crds": Rule(HOUSE, _OWN),
    "csv-version": Rule(ERROR, _FBC),
    "csv-name": Rule(HOUSE, _OWN),
    "replaces-itself": Rule(ERROR, f"{_FBC}: a cycle"),
    "webhook-name-twice": Rule(ERROR, f"{_OLM}/operators/olm/operator.go"),
    "webhook-name-label": Rule(ERROR, f"{_OLM}/install/webhook.go: it becomes a label's value"),
    "webhook-name-domain": Rule(ERROR, f"{_ADMISSION}, IsFullyQualifiedName"),
    "webhook-side-effects": Rule(ERROR, f"{_ADMISSION}, validateWebhookSideEffects"),
    "webhook-rules": Rule(ERROR, f"{_OLM}/install/webhook.go, ValidWebhookRules"),
    "webhook-deployment": Rule(ERROR, f"{_OLM}/operators/olm/apiservices.go"),
    "review-versions": Rule(ERROR, f"{_API}: it has to know one of v1, v1beta1"),
    "review-versions-v1": Rule(HOUSE, _OWN),
    "conversion-modes": Rule(ERROR, f"{_OLM}/install/webhook.go"),
    "conversion-crds": Rule(ERROR, f"{_OLM}/install/webhook.go"),
    "conversion-preserves": Rule(ERROR, f"{_OLM}/install/webhook.go"),
    "conversion-absent": Rule(HOUSE, _OWN),
    "conversion-ca": Rule(HOUSE, _OWN),
    "conversion-guard": Rule(HOUSE, _OWN),
    "examples-json": Rule(ERROR, f"{_SDK}/internal/csv.go"),
    "examples-types": Rule(WARNING, f"{_API}, when somebody creates the example"),
    "examples-foreign": Rule(ERROR, f"{_SDK}/internal/csv.go"),
    "examples-complete": Rule(HOUSE, _OWN),
    "descriptors": Rule(HOUSE, _OWN),
    "owned-not-there": Rule(ERROR, f"{_SDK}/internal/bundle.go"),
    "related-images": Rule(HOUSE, _OWN),
    "service-accounts": Rule(HOUSE, _OWN),
    "service-account-twice": Rule(ERROR, f"{_SDK}/internal/bundle.go"),
    "object-size": Rule(ERROR, "etcd: --max-request-bytes, 1.5 MiB"),
    "annotations-size": Rule(ERROR, f"{_API}: 256 KiB of annotations"),
    "bundle-size": Rule(ERROR, "opm alpha bundle extract: --datalimit, 1 MiB"),
    "bundle-size-near": Rule(WARNING, f"{_SDK}/internal/bundle.go: 85% of 1 MiB"),
    "olm-v1-rendered-twice": Rule(
        ERROR, "OLM v1: operator-controller internal/operator-controller/rukpak/render, and Helm"
    ),
    # OpenShift's certification, of bundles and of images; asked only with --certification.
    "certification-annotations": Rule(WARNING, f"{_PREFLIGHT}/operator/required_annotations.go"),
    "certification-versions": Rule(
        ERROR, "OpenShift's certification: operator-pipelines, which catalogs a bundle goes into"
    ),
    "certification-versions-absent": Rule(
        WARNING, "OpenShift's certification: operator-pipelines, which catalogs a bundle goes into"
    ),
    "certification-related-images": Rule(WARNING, f"{_PREFLIGHT}/operator/related_images.go"),
    "certification-restricted-network": Rule(
        WARNING, f"{_PREFLIGHT}/operator/restricted_network_aware.go"
    ),
    "certification-labels": Rule(ERROR, f"{_PREFLIGHT}/container/has_required_labels.go"),
    "certification-trademark": Rule(ERROR, f"{_PREFLIGHT}/container/trademark_validator.go"),
    "certification-user": Rule(ERROR, f"{_PREFLIGHT}/container/runs_as_nonroot.go"),
    "certification-layers": Rule(ERROR, f"{_PREFLIGHT}/container/max_layers.go"),
    "certification-licenses": Rule(ERROR, f"{_PREFLIGHT}/container/has_license.go"),
    "certification-packages": Rule(ERROR, f"{_PREFLIGHT}/container/has_prohibited_packages.go"),
    "certification-tag": Rule(ERROR, f"{_PREFLIGHT}/container/has_unique_tag.go"),
    # Of catalogs.
    "schema": Rule(ERROR, "opm: operator-registry alpha/declcfg/load.go"),
    "package-name": Rule(ERROR, _FBC),
    "package-twice": Rule(ERROR, _FBC),
    "package-absent": Rule(ERROR, _FBC),
    "channel-name": Rule(ERROR, _FBC),
    "channel-listed-twice": Rule(ERROR, _FBC),
    "channel-empty": Rule(ERROR, _MODEL),
    "no-channel": Rule(ERROR, _MODEL),
    "default-channel": Rule(ERROR, _MODEL),
    "bundle-name": Rule(ERROR, _MODEL),
    "bundle-image": Rule(ERROR, f"{_MODEL}, Bundle.Validate"),
    "bundle-twice": Rule(ERROR, _FBC),
    "bundle-version": Rule(ERROR, _FBC),
    "bundle-in-no-channel": Rule(ERROR, _FBC),
    "version-twice": Rule(ERROR, f"{_MODEL}, validateUniqueBundleVersions"),
    "release-name": Rule(ERROR, f"{_MODEL}, normalizeName"),
    "image-reference": Rule(ERROR, f"{_FBC}, validateImagePullSpec"),
    "entry-twice": Rule(ERROR, _FBC),
    "entry-without-bundle": Rule(ERROR, _FBC),
    "entry-skips": Rule(ERROR, _MODEL),
    "deprecations": Rule(ERROR, _FBC),
    "graph-skip-range": Rule(
        WARNING, f"{_RESOLVER}/source_registry.go passes over it; {_MODEL} refuses it after v1.61.0"
    ),
    "graph-heads": Rule(ERROR, f"{_MODEL}, Channel.Head"),
    "graph-ring": Rule(ERROR, f"{_MODEL}, validateReplacesChain"),
    "graph-stranded": Rule(ERROR, f"{_MODEL}, validateReplacesChain"),
    "graph-down": Rule(WARNING, f"{_RESOLVER}: nothing there asks which version is higher"),
    "graph-deprecated-head": Rule(WARNING, _RESOLVERS),
    "graph-no-way": Rule(WARNING, _RESOLVERS),
    "graph-versions": Rule(WARNING, f"{_API}: status.storedVersions, and spec.conversion"),
}
