package main

import (
	"bytes"
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	ocv1 "github.com/operator-framework/operator-controller/api/v1"
	"github.com/operator-framework/operator-controller/internal/operator-controller/resolve"
	"github.com/operator-framework/operator-registry/alpha/declcfg"
)

// choose asks OLM v1's resolver about one ClusterExtension.
func choose(asked request) (string, error) {
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
	}
	installed := &ocv1.BundleMetadata{Name: asked.Installed.Name, Version: asked.Installed.Version}
	resolver := resolve.CatalogResolver{
		WalkCatalogsFunc: resolve.CatalogWalker(list, get),
		Validations:      []resolve.ValidationFunc{resolve.NoDependencyValidation},
	}
	bundle, _, _, err := resolver.Resolve(context.Background(), extension, installed)
	if err != nil {
		return "", err
	}
	return bundle.Name, nil
}
