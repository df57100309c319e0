// Asks OLM v1's own resolver what it would install: a request per line of the standard input, an
// answer per line of the standard output, both JSON. Built inside operator-controller's module,
// because its resolver is internal; see oracle.py.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"sigs.k8s.io/controller-runtime/pkg/client"

	ocv1 "github.com/operator-framework/operator-controller/api/v1"
	"github.com/operator-framework/operator-controller/internal/operator-controller/resolve"
	"github.com/operator-framework/operator-registry/alpha/declcfg"
)

// request is one ClusterExtension, and the catalog that it is resolved from.
type request struct {
	// Catalog is the package's file-based catalog.
	Catalog   []json.RawMessage `json:"catalog"`
	Package   string            `json:"package"`
	Channels  []string          `json:"channels"`
	Installed struct {
		Name    string `json:"name"`
		Version string `json:"version"`
	} `json:"installed"`
}

// answer is the name of the bundle that is chosen, or why none is.
type answer struct {
	Bundle string `json:"bundle"`
	Error  string `json:"error"`
}

func main() {
	reader := bufio.NewReader(os.Stdin)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := reader.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := out.Encode(ask(line)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func raw(blobs []json.RawMessage) [][]byte {
	found := make([][]byte, len(blobs))
	for at, one := range blobs {
		found[at] = one
	}
	return found
}

func ask(line []byte) answer {
	var asked request
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	catalog, err := declcfg.LoadReader(bytes.NewReader(bytes.Join(raw(asked.Catalog), nil)))
	if err != nil {
		return answer{Error: err.Error()}
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
		return answer{Error: err.Error()}
	}
	return answer{Bundle: bundle.Name}
}
