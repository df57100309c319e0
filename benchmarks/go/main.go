// The HelloWorld operator on controller-runtime, for comparison: the same children and status as the
// Python operator for the objects of the benchmark. Client throttling is off, the caches hold only
// what is ours and no managedFields: what a careful author would set.
package main

import (
	"flag"
	"os"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	klabels "k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	workers := flag.Int("workers", 1, "MaxConcurrentReconciles")
	namespace := flag.String("lease-namespace", "default", "where the Lease is")
	flag.Parse() // controller-runtime adds --kubeconfig
	ctrl.SetLogger(zap.New())
	if err := run(*workers, *namespace); err != nil {
		ctrl.Log.Error(err, "ends")
		os.Exit(1)
	}
}

func run(workers int, namespace string) error {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return err
	}
	if err := addToScheme(scheme); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.QPS = -1 // no client throttle
	ours := cache.ByObject{Label: klabels.SelectorFromSet(klabels.Set{
		"app.kubernetes.io/managed-by": manager, "app.kubernetes.io/name": app,
	})}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  scheme,
		Metrics: server.Options{BindAddress: "127.0.0.1:0"},
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&appsv1.Deployment{}: ours,
				&corev1.Service{}:    ours,
			},
		},
		LeaderElection:                true,
		LeaderElectionID:              "helloworld-benchmark-go",
		LeaderElectionNamespace:       namespace,
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	r := &reconciler{Client: mgr.GetClient(), image: os.Getenv("RELATED_IMAGE_HELLOWORLD")}
	if err := r.setUp(mgr, workers); err != nil {
		return err
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}
