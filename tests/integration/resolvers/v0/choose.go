package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/blang/semver/v4"
	"github.com/operator-framework/api/pkg/operators/v1alpha1"
	"github.com/operator-framework/operator-lifecycle-manager/pkg/controller/registry/resolver"
	"github.com/operator-framework/operator-lifecycle-manager/pkg/controller/registry/resolver/cache"
	"github.com/operator-framework/operator-registry/pkg/api"
	"github.com/sirupsen/logrus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	catalogName = "catalog"
	namespace   = "operators"
)

// blob is what is read here of a file-based catalog's blobs, whichever schema it has.
type blob struct {
	Schema         string `json:"schema"`
	Name           string `json:"name"`
	DefaultChannel string `json:"defaultChannel"`
	Entries        []struct {
		Name      string   `json:"name"`
		Replaces  string   `json:"replaces"`
		Skips     []string `json:"skips"`
		SkipRange string   `json:"skipRange"`
	} `json:"entries"`
	Properties []struct {
		Value struct {
			Version string `json:"version"`
		} `json:"value"`
	} `json:"properties"`
}

// choose asks OLM v0's resolver about one Subscription.
func choose(asked request) (string, error) {
	offered, err := entries(asked.Catalog, asked.Package)
	if err != nil {
		return "", err
	}
	version, err := semver.Parse(asked.Installed.Version)
	if err != nil {
		return "", err
	}
	subscription := &v1alpha1.Subscription{
		ObjectMeta: metav1.ObjectMeta{Name: asked.Package, Namespace: namespace},
		Spec: &v1alpha1.SubscriptionSpec{
			CatalogSource:          catalogName,
			CatalogSourceNamespace: namespace,
			Package:                asked.Package,
			Channel:                asked.Channels[0],
		},
		Status: v1alpha1.SubscriptionStatus{InstalledCSV: asked.Installed.Name},
	}
	here := cache.NewVirtualSourceKey(namespace)
	installed := &cache.Entry{
		Name:       asked.Installed.Name,
		Version:    &version,
		Properties: packageProperty(asked.Package, asked.Installed.Version),
		SourceInfo: &cache.OperatorSourceInfo{
			Package:      asked.Package,
			Catalog:      here,
			Subscription: subscription,
		},
	}
	sources := cache.StaticSourceProvider{
		here: &cache.Snapshot{Entries: []*cache.Entry{installed}},
		{Name: catalogName, Namespace: namespace}: &cache.Snapshot{Entries: offered},
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	found, err := resolver.NewDefaultResolver(cache.New(sources), log).Resolve(
		[]string{namespace}, []*v1alpha1.Subscription{subscription},
	)
	if err != nil || len(found) == 0 {
		return "", err
	}
	if len(found) > 1 {
		return "", fmt.Errorf("%d operators are chosen", len(found))
	}
	return found[0].Name, nil
}

// entries is what a catalog's pod would tell OLM of it.
func entries(catalog []json.RawMessage, name string) ([]*cache.Entry, error) {
	versions := map[string]string{}
	defaultChannel := ""
	blobs := make([]blob, len(catalog))
	for at, raw := range catalog {
		if err := json.Unmarshal(raw, &blobs[at]); err != nil {
			return nil, err
		}
		each := blobs[at]
		switch each.Schema {
		case "olm.package":
			defaultChannel = each.DefaultChannel
		case "olm.bundle":
			versions[each.Name] = each.Properties[0].Value.Version
		}
	}
	var found []*cache.Entry
	for _, channel := range blobs {
		if channel.Schema != "olm.channel" {
			continue
		}
		for _, one := range channel.Entries {
			version, err := semver.Parse(versions[one.Name])
			if err != nil {
				return nil, err
			}
			entry := &cache.Entry{
				Name:       one.Name,
				Replaces:   one.Replaces,
				Skips:      one.Skips,
				Version:    &version,
				Properties: packageProperty(name, versions[one.Name]),
				BundlePath: one.Name,
				SourceInfo: &cache.OperatorSourceInfo{
					Package:        name,
					Channel:        channel.Name,
					DefaultChannel: channel.Name == defaultChannel,
					Catalog:        cache.SourceKey{Name: catalogName, Namespace: namespace},
				},
			}
			if one.SkipRange != "" {
				if entry.SkipRange, err = semver.ParseRange(one.SkipRange); err != nil {
					return nil, err
				}
			}
			found = append(found, entry)
		}
	}
	return found, nil
}

func packageProperty(name, version string) []*api.Property {
	value := fmt.Sprintf(`{"packageName": %q, "version": %q}`, name, version)
	return []*api.Property{{Type: "olm.package", Value: value}}
}
