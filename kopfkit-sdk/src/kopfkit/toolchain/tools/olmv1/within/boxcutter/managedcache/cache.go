// Package managedcache stands in for the package of this name of pkg.package-operator.run/boxcutter,
// which this build cannot have. operator-controller's default runtime (Helm) needs nothing else of
// that module: one cache that watches the kinds of what it has applied, so that a change of such an
// object is looked at.
package managedcache

import (
	"context"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// TrackingCache watches kinds on behalf of the objects that use them.
type TrackingCache interface {
	client.Reader
	// Start runs the watches until the context ends.
	Start(ctx context.Context) error
	// Source hands the events of all watched kinds to a handler.
	Source(handler handler.EventHandler, predicates ...predicate.Predicate) source.Source
	// Watch begins to watch kinds for a user, and stops watching those that nobody needs any more.
	Watch(ctx context.Context, user client.Object, gvks sets.Set[schema.GroupVersionKind]) error
	// Free ends what is watched for a user.
	Free(ctx context.Context, user client.Object) error
}

type tracking struct {
	cache.Cache
	log     logr.Logger
	mutex   sync.Mutex
	wanted  map[client.ObjectKey]sets.Set[schema.GroupVersionKind]
	watched sets.Set[schema.GroupVersionKind]
	outlets []outlet
}

type outlet struct {
	ctx        context.Context
	handler    handler.EventHandler
	queue      queue
	predicates []predicate.Predicate
}

// NewTrackingCache makes a cache that watches nothing yet.
func NewTrackingCache(log logr.Logger, config *rest.Config, options cache.Options) (TrackingCache, error) {
	made, err := cache.New(config, options)
	if err != nil {
		return nil, err
	}
	return &tracking{
		Cache:   made,
		log:     log,
		wanted:  map[client.ObjectKey]sets.Set[schema.GroupVersionKind]{},
		watched: sets.New[schema.GroupVersionKind](),
	}, nil
}

func (t *tracking) Source(events handler.EventHandler, predicates ...predicate.Predicate) source.Source {
	return source.Func(func(ctx context.Context, into queue) error {
		t.mutex.Lock()
		defer t.mutex.Unlock()
		t.outlets = append(t.outlets, outlet{ctx, events, into, predicates})
		return nil
	})
}

func (t *tracking) Watch(ctx context.Context, user client.Object, gvks sets.Set[schema.GroupVersionKind]) error {
	t.mutex.Lock()
	t.wanted[client.ObjectKeyFromObject(user)] = gvks.Clone()
	missing := gvks.Difference(t.watched)
	t.watched = t.watched.Union(gvks)
	t.mutex.Unlock()
	for gvk := range missing {
		if err := t.begin(ctx, gvk); err != nil {
			t.mutex.Lock()
			t.watched.Delete(gvk)
			t.mutex.Unlock()
			return err
		}
	}
	return t.endUnused(ctx)
}

func (t *tracking) Free(ctx context.Context, user client.Object) error {
	t.mutex.Lock()
	delete(t.wanted, client.ObjectKeyFromObject(user))
	t.mutex.Unlock()
	return t.endUnused(ctx)
}

func (t *tracking) begin(ctx context.Context, gvk schema.GroupVersionKind) error {
	informer, err := t.GetInformer(ctx, of(gvk), cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	t.log.V(1).Info("watching", "kind", gvk.String())
	_, err = informer.AddEventHandler(events{t})
	return err
}

func (t *tracking) endUnused(ctx context.Context) error {
	t.mutex.Lock()
	used := sets.New[schema.GroupVersionKind]()
	for _, each := range t.wanted {
		used = used.Union(each)
	}
	unused := t.watched.Difference(used)
	t.watched = t.watched.Difference(unused)
	t.mutex.Unlock()
	for gvk := range unused {
		if err := t.RemoveInformer(ctx, of(gvk)); err != nil {
			return err
		}
	}
	return nil
}

func of(gvk schema.GroupVersionKind) *unstructured.Unstructured {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(gvk)
	return object
}
