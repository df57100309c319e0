package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"reflect"
	"runtime"
	"slices"
	"testing/fstest"

	"sigs.k8s.io/controller-runtime/pkg/client"

	ocv1 "github.com/operator-framework/operator-controller/api/v1"
	"github.com/operator-framework/operator-controller/internal/operator-controller/applier"
	"github.com/operator-framework/operator-controller/internal/operator-controller/resolve"
	bundlesource "github.com/operator-framework/operator-controller/internal/operator-controller/rukpak/bundle/source"
	"github.com/operator-framework/operator-controller/internal/operator-controller/rukpak/render"
	"github.com/operator-framework/operator-controller/internal/operator-controller/rukpak/render/certproviders"
	"github.com/operator-framework/operator-controller/internal/operator-controller/rukpak/render/registryv1"
	"github.com/operator-framework/operator-registry/alpha/declcfg"
	"github.com/operator-framework/operator-registry/pkg/image"
	"github.com/operator-framework/operator-registry/pkg/registry"
)

// providers are those of operator-controller, as its feature gates have them by default.
var providers = map[string]render.CertificateProvider{
	"cert-manager": certproviders.CertManagerCertificateProvider{},
	"service-ca":   certproviders.OpenshiftServiceCaCertificateProvider{},
}

// source is a bundle: a directory, or the manifests themselves.
type source struct {
	Directory string            `json:"directory"`
	Manifests []json.RawMessage `json:"manifests"`
	Package   string            `json:"package"`
}

func (s source) files() (fs.FS, error) {
	if s.Directory != "" {
		return os.DirFS(s.Directory), nil
	}
	found := fstest.MapFS{}
	annotations, err := json.Marshal(map[string]any{"annotations": map[string]string{
		"operators.operatorframework.io.bundle.package.v1": s.Package,
	}})
	if err != nil {
		return nil, err
	}
	found["metadata/annotations.yaml"] = &fstest.MapFile{Data: annotations}
	for at, each := range s.Manifests {
		found[fmt.Sprintf("manifests/%06d.json", at)] = &fstest.MapFile{Data: each}
	}
	return found, nil
}

// refusal is a reason for which OLM v1 does not install a bundle.
type refusal struct {
	// By is the function of operator-controller that refuses.
	By  string `json:"by"`
	Why string `json:"why"`
}

// bundleAnswer is what OLM v1 makes of a bundle.
type bundleAnswer struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Refusals []refusal `json:"refusals"`
	// Rendered has the objects by certificate provider, where nothing is refused.
	Rendered map[string][]client.Object `json:"rendered"`
}

// judged asks in the order in which OLM v1 meets the bundle: the resolver refuses dependencies, then
// the files are read, and the applier refuses or renders.
func judged(asked request) (*bundleAnswer, error) {
	files, err := asked.Bundle.files()
	if err != nil {
		return nil, err
	}
	found := &bundleAnswer{Refusals: []refusal{}, Rendered: map[string][]client.Object{}}
	refuse := func(by any, err error) {
		for _, why := range leaves(err) {
			found.Refusals = append(found.Refusals, refusal{named(by), why})
		}
	}
	if asked.Bundle.Directory != "" {
		refuse(resolve.NoDependencyValidation, dependencies(asked.Bundle.Directory))
	}
	read, err := bundlesource.FromFS(files).GetBundle()
	if err != nil {
		refuse(bundlesource.FromFS, err)
		return found, nil
	}
	found.Name, found.Version = read.CSV.Name, read.CSV.Spec.Version.String()
	invalid := false
	for _, validator := range registryv1.BundleValidator {
		for _, err := range validator(&read) {
			invalid = true
			refuse(validator, err)
		}
	}
	reasons := map[string]bool{}
	for _, provider := range slices.Sorted(maps.Keys(providers)) {
		objects, err := rendered(files, provider, asked.Namespace, invalid)
		if err != nil && !reasons[err.Error()] {
			reasons[err.Error()] = true
			refuse((*applier.RegistryV1ManifestProvider).Get, err)
		}
		if err == nil && !invalid {
			found.Rendered[provider] = objects
		}
	}
	return found, nil
}

// rendered are the objects that the applier makes of a bundle; of one that is invalid none, for what
// the applier itself refuses before it renders.
func rendered(files fs.FS, provider, namespace string, invalid bool) ([]client.Object, error) {
	renderer := registryv1.Renderer
	if invalid {
		renderer = render.BundleRenderer{}
	}
	manifests := &applier.RegistryV1ManifestProvider{
		BundleRenderer:          renderer,
		CertificateProvider:     providers[provider],
		IsWebhookSupportEnabled: true,
	}
	extension := &ocv1.ClusterExtension{}
	extension.Spec.Namespace = namespace
	return manifests.Get(files, extension)
}

// dependencies is what the resolver says of the properties that a catalog would have of the bundle.
// What opm cannot read is no dependency: that is said by those who read the same files.
func dependencies(directory string) error {
	input, err := registry.NewImageInput(image.SimpleReference("bundle"), directory)
	if err != nil {
		return nil
	}
	_, properties, err := registry.ObjectsAndPropertiesFromBundle(input.Bundle)
	if err != nil {
		return nil
	}
	bundle := declcfg.Bundle{Name: input.Bundle.Name}
	found := []error{}
	seen := map[string]bool{}
	for _, each := range properties {
		// It ends at the first, so each is asked for itself, once a type.
		bundle.Properties = append(bundle.Properties[:0], each)
		if err := resolve.NoDependencyValidation(&bundle); err != nil && !seen[each.Type] {
			seen[each.Type] = true
			found = append(found, fmt.Errorf("%w: %s", err, each.Value))
		}
	}
	return errors.Join(found...)
}

// named is the name of a function, as "validators.CheckWebhookRules".
func named(function any) string {
	return path.Base(runtime.FuncForPC(reflect.ValueOf(function).Pointer()).Name())
}

// leaves are the texts of the errors that were joined into one.
func leaves(err error) []string {
	found := []string{}
	for _, each := range joined(err) {
		found = append(found, each.Error())
	}
	return found
}

// joined are the errors that were joined into one, by errors.Join or more than once.
func joined(err error) []error {
	if err == nil {
		return nil
	}
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	found := []error{}
	for _, each := range many.Unwrap() {
		found = append(found, joined(each)...)
	}
	return found
}
