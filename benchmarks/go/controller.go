package main

import (
	"context"
	"errors"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// reconciler is what kubebuilder's book teaches: read from the cache, CreateOrUpdate each child,
// patch the status when it differs, and let Owns() bring the children's changes back.
type reconciler struct {
	client.Client
	image string
}

func (r *reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	owner := &HelloWorld{}
	if err := r.Get(ctx, request.NamespacedName, owner); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !owner.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // its children go with it by their owner references
	}
	meta := metav1.ObjectMeta{Namespace: owner.Namespace, Name: owner.Name}
	deployment := &appsv1.Deployment{ObjectMeta: meta}
	err := r.ensure(ctx, owner, deployment, func() { wantDeployment(owner, r.image, deployment) })
	problem, err := collision(err)
	if err != nil {
		return ctrl.Result{}, err
	}
	if problem != nil {
		deployment = &appsv1.Deployment{}
	}
	service := &corev1.Service{ObjectMeta: meta}
	err = r.ensure(ctx, owner, service, func() { wantService(owner, service) })
	other, err := collision(err)
	if err != nil {
		return ctrl.Result{}, err
	}
	before := owner.DeepCopy()
	tell(owner, deployment, errors.Join(problem, other))
	if equality.Semantic.DeepEqual(before.Status, owner.Status) {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, client.IgnoreNotFound(r.Status().Patch(ctx, owner, client.MergeFrom(before)))
}

func (r *reconciler) ensure(ctx context.Context, owner *HelloWorld, child client.Object, want func()) error {
	done, err := controllerutil.CreateOrUpdate(ctx, r.Client, child, func() error {
		want()
		return controllerutil.SetControllerReference(owner, child, r.Scheme())
	})
	if err == nil && done != controllerutil.OperationResultNone {
		log.FromContext(ctx).Info("child "+string(done), "generation", owner.Generation, "name", child.GetName())
	}
	return err
}

// collision splits an error into "the name belongs to somebody else" and everything else.
func collision(err error) (error, error) {
	var owned *controllerutil.AlreadyOwnedError
	if errors.As(err, &owned) {
		return err, nil
	}
	return nil, err
}

func (r *reconciler) setUp(mgr ctrl.Manager, workers int) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&HelloWorld{}).
		Owns(&appsv1.Deployment{}).
		Owns(&corev1.Service{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: workers}).
		Complete(r)
}
