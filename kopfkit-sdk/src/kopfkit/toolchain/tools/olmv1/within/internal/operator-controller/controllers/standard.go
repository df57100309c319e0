//go:build standard

package controllers

import (
	"errors"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var errAbsent = errors.New("the feature gate BoxcutterRuntime cannot be on: this build is without boxcutter")

type RevisionEngineFactory interface{}

func NewDefaultRevisionEngineFactory(*runtime.Scheme, any, discovery.CachedDiscoveryInterface, meta.RESTMapper, string, *rest.Config) (RevisionEngineFactory, error) {
	return nil, errAbsent
}

type ClusterObjectSetReconciler struct {
	Client                client.Client
	RevisionEngineFactory RevisionEngineFactory
	TrackingCache         any
}

func (*ClusterObjectSetReconciler) SetupWithManager(ctrl.Manager) error { return errAbsent }
