package main

import (
	"bytes"
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	ocv1 "github.com/operator-framework/operator-controller/api/v1"
	"github.com/operator-framework/operator-controller/internal/operator-controller/resolve"
	"github.com/operator-framework/operator-registry/alpha/declcfg"
)

// installed is somebody's bundle; without a name nothing is installed.
type installed struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// chosen is the name of the bundle that the resolver gives to one ClusterExtension.
func chosen(asked request) (string, error) {
	text := make([][]byte, len(asked.Catalog))
	for at, blob := range asked.Catalog {
		text[at] = blob
	}
	catalog, err := declcfg.LoadReader(bytes.NewReader(bytes.Join(text, nil)))
	if err != nil {
		return "", err
	}
	list := func(context.Context, ...client.ListOption) ([]ocv1.ClusterCatalog, error) {
		return make([]ocv1.ClusterCatalog, 1), nil
	}
	get := func(context.Context, *ocv1.ClusterCatalog, string) (*declcfg.DeclarativeConfig, error) {
		return catalog, nil
	}
	extension := &ocv1.ClusterExtension{}
	extension.Spec.Source.Catalog = &ocv1.CatalogFilter{
		PackageName: asked.Package,
		Channels:    asked.Channels,
		Version:     asked.Version,
	}
	var there *ocv1.BundleMetadata
	if asked.Installed.Name != "" {
		there = &ocv1.BundleMetadata{Name: asked.Installed.Name, Version: asked.Installed.Version}
	}
	resolver := resolve.CatalogResolver{
		WalkCatalogsFunc: resolve.CatalogWalker(list, get),
		Validations:      []resolve.ValidationFunc{resolve.NoDependencyValidation},
	}
	bundle, _, _, err := resolver.Resolve(context.Background(), extension, there)
	if err != nil {
		return "", err
	}
	return bundle.Name, nil
}
