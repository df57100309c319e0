package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/operator-framework/operator-controller/internal/operator-controller/rukpak/preflights/crdupgradesafety"
)

// upgradeAnswer is what OLM v1 says of an upgrade before it begins.
type upgradeAnswer struct {
	// Unsafe has the reasons of the CRD upgrade safety check by name of the CRD.
	Unsafe map[string][]string `json:"unsafe"`
	// Old and New have the CRDs as they are rendered, by name.
	Old map[string]*apiextensionsv1.CustomResourceDefinition `json:"old"`
	New map[string]*apiextensionsv1.CustomResourceDefinition `json:"new"`
}

// cluster answers for the CRDs that the old bundle has left in a cluster.
type cluster struct {
	apiextensionsclient.CustomResourceDefinitionInterface
	crds map[string]*apiextensionsv1.CustomResourceDefinition
}

func (c cluster) Get(
	_ context.Context, name string, _ metav1.GetOptions,
) (*apiextensionsv1.CustomResourceDefinition, error) {
	if crd, ok := c.crds[name]; ok {
		return crd.DeepCopy(), nil
	}
	return nil, apierrors.NewNotFound(apiextensionsv1.Resource("customresourcedefinitions"), name)
}

// upgraded asks for each provider, since a rendered CRD has its annotations; a reason is told once.
func upgraded(asked request) (*upgradeAnswer, error) {
	found := &upgradeAnswer{Unsafe: map[string][]string{}}
	for _, provider := range slices.Sorted(maps.Keys(providers)) {
		old, err := definitions(asked.Old, provider, asked.Namespace)
		if err != nil {
			return nil, fmt.Errorf("the old bundle: %w", err)
		}
		renewed, err := definitions(asked.Bundle, provider, asked.Namespace)
		if err != nil {
			return nil, fmt.Errorf("the new bundle: %w", err)
		}
		found.Old, found.New = old, renewed
		there := cluster{crds: map[string]*apiextensionsv1.CustomResourceDefinition{}}
		for name, crd := range old {
			if there.crds[name], err = asInstalled(asked, crd); err != nil {
				return nil, err
			}
		}
		preflight := crdupgradesafety.NewPreflight(there)
		for name, crd := range renewed {
			found.Unsafe[name] = append([]string{}, found.Unsafe[name]...)
			for _, err := range joined(preflight.Upgrade(context.Background(), []client.Object{crd})) {
				if inner := errors.Unwrap(err); inner != nil { // what names the CRD, once more
					err = inner
				}
				found.Unsafe[name] = append(found.Unsafe[name], leaves(err)...)
			}
		}
	}
	for name, reasons := range found.Unsafe {
		slices.Sort(reasons)
		found.Unsafe[name] = slices.Compact(reasons)
	}
	return found, nil
}

// definitions are the CRDs of a bundle as they are rendered.
func definitions(
	bundle source, provider, namespace string,
) (map[string]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := bundle.files()
	if err != nil {
		return nil, err
	}
	objects, err := rendered(files, provider, namespace, false)
	if err != nil {
		return nil, err
	}
	found := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, each := range objects {
		if crd, ok := each.(*apiextensionsv1.CustomResourceDefinition); ok {
			found[crd.Name] = crd
		}
	}
	return found, nil
}

// asInstalled is a CRD of the old bundle as an API server has it: with defaults, and its status.
func asInstalled(
	asked request, crd *apiextensionsv1.CustomResourceDefinition,
) (*apiextensionsv1.CustomResourceDefinition, error) {
	found := crd.DeepCopy()
	if live, ok := asked.Live[crd.Name]; ok {
		found = &apiextensionsv1.CustomResourceDefinition{}
		if err := json.Unmarshal(live, found); err != nil {
			return nil, err
		}
	}
	apiextensionsv1.SetObjectDefaults_CustomResourceDefinition(found)
	if stored, ok := asked.Stored[crd.Name]; ok {
		found.Status.StoredVersions = stored
	} else if len(found.Status.StoredVersions) == 0 {
		for _, version := range found.Spec.Versions {
			if version.Storage {
				found.Status.StoredVersions = []string{version.Name}
			}
		}
	}
	return found, nil
}
