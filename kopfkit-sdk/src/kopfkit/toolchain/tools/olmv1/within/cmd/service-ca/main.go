// service-ca stands in for OpenShift's service CA operator on a cluster that has none: it makes the
// serving certificate that a Service asks for by annotation, and gives the CA to the CRDs and
// webhook configurations that ask for it. Certificates last a year and are not rotated: it is for
// clusters to try an operator on.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"time"

	admission "k8s.io/api/admissionregistration/v1"
	core "k8s.io/api/core/v1"
	extensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// The annotations of OpenShift's service CA operator.
const (
	wantsSecret = "service.beta.openshift.io/serving-cert-secret-name"
	wantsBundle = "service.beta.openshift.io/inject-cabundle"
	validity    = 365 * 24 * time.Hour
	caSecret    = "service-ca"
)

type authority struct {
	client.Client
	key  *ecdsa.PrivateKey
	root *x509.Certificate
}

func main() {
	ctrl.SetLogger(klog.NewKlogr())
	if err := run(ctrl.SetupSignalHandler()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, extensions.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	manager, err := ctrl.NewManager(ctrl.GetConfigOrDie(), ctrl.Options{
		Scheme: scheme, Metrics: server.Options{BindAddress: "0"}, HealthProbeBindAddress: "0",
	})
	if err != nil {
		return err
	}
	made, err := ensureAuthority(ctx, manager)
	if err != nil {
		return err
	}
	watched := map[string]client.Object{
		"services":   &core.Service{},
		"crds":       &extensions.CustomResourceDefinition{},
		"validating": &admission.ValidatingWebhookConfiguration{},
		"mutating":   &admission.MutatingWebhookConfiguration{},
	}
	for name, kind := range watched {
		reconciler := reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
			object := kind.DeepCopyObject().(client.Object)
			if err := made.Get(ctx, request.NamespacedName, object); err != nil {
				return reconcile.Result{}, client.IgnoreNotFound(err)
			}
			return reconcile.Result{}, made.serve(ctx, object)
		})
		controller := ctrl.NewControllerManagedBy(manager).Named(name).For(kind)
		if name == "services" { // a Secret that is deleted is made again
			controller = controller.Owns(&core.Secret{}, builder.MatchEveryOwner)
		}
		if err := controller.Complete(reconciler); err != nil {
			return err
		}
	}
	return manager.Start(ctx)
}

func (a *authority) serve(ctx context.Context, object client.Object) error {
	if service, ok := object.(*core.Service); ok {
		if name := service.Annotations[wantsSecret]; name != "" {
			return a.issue(ctx, service, name)
		}
		return nil
	}
	if object.GetAnnotations()[wantsBundle] != "true" {
		return nil
	}
	before := object.DeepCopyObject().(client.Object)
	bundle := pemOf("CERTIFICATE", a.root.Raw)
	switch kind := object.(type) {
	case *extensions.CustomResourceDefinition:
		conversion := kind.Spec.Conversion
		if conversion == nil || conversion.Webhook == nil || conversion.Webhook.ClientConfig == nil {
			return nil
		}
		conversion.Webhook.ClientConfig.CABundle = bundle
	case *admission.ValidatingWebhookConfiguration:
		for index := range kind.Webhooks {
			kind.Webhooks[index].ClientConfig.CABundle = bundle
		}
	case *admission.MutatingWebhookConfiguration:
		for index := range kind.Webhooks {
			kind.Webhooks[index].ClientConfig.CABundle = bundle
		}
	}
	patch := client.MergeFrom(before)
	if data, err := patch.Data(object); err != nil || string(data) == "{}" {
		return err
	}
	return a.Patch(ctx, object, patch)
}

func (a *authority) issue(ctx context.Context, service *core.Service, name string) error {
	secret := &core.Secret{ObjectMeta: meta.ObjectMeta{
		Name: name, Namespace: service.Namespace,
		OwnerReferences: []meta.OwnerReference{
			{APIVersion: "v1", Kind: "Service", Name: service.Name, UID: service.UID},
		},
	}}
	err := a.Get(ctx, client.ObjectKeyFromObject(secret), &core.Secret{})
	if !apierrors.IsNotFound(err) {
		return err
	}
	host := fmt.Sprintf("%s.%s.svc", service.Name, service.Namespace)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	leaf := template(host)
	leaf.DNSNames = []string{host, host + ".cluster.local"}
	leaf.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	raw, err := x509.CreateCertificate(rand.Reader, leaf, a.root, &key.PublicKey, a.key)
	if err != nil {
		return err
	}
	return a.Create(ctx, fill(secret, raw, key))
}

// ensureAuthority reads the CA that an earlier start has kept, or makes one.
func ensureAuthority(ctx context.Context, manager ctrl.Manager) (*authority, error) {
	direct, err := client.New(manager.GetConfig(), client.Options{Scheme: manager.GetScheme()})
	if err != nil {
		return nil, err
	}
	kept := &core.Secret{ObjectMeta: meta.ObjectMeta{Name: caSecret, Namespace: os.Getenv("POD_NAMESPACE")}}
	err = direct.Get(ctx, client.ObjectKeyFromObject(kept), kept)
	if apierrors.IsNotFound(err) {
		err = createAuthority(ctx, direct, kept)
	}
	if err != nil {
		return nil, err
	}
	certificate, _ := pem.Decode(kept.Data[core.TLSCertKey])
	private, _ := pem.Decode(kept.Data[core.TLSPrivateKeyKey])
	if certificate == nil || private == nil {
		return nil, fmt.Errorf("secret %s: holds no certificate and key", caSecret)
	}
	root, err := x509.ParseCertificate(certificate.Bytes)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParseECPrivateKey(private.Bytes)
	return &authority{Client: manager.GetClient(), key: key, root: root}, err
}

func createAuthority(ctx context.Context, direct client.Client, secret *core.Secret) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	root := template("service-ca")
	root.IsCA, root.BasicConstraintsValid, root.KeyUsage = true, true, x509.KeyUsageCertSign
	raw, err := x509.CreateCertificate(rand.Reader, root, root, &key.PublicKey, key)
	if err != nil {
		return err
	}
	return direct.Create(ctx, fill(secret, raw, key))
}

func template(name string) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, big.NewInt(1<<62))
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(validity),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
}

func fill(secret *core.Secret, certificate []byte, key *ecdsa.PrivateKey) *core.Secret {
	raw, _ := x509.MarshalECPrivateKey(key)
	secret.Type = core.SecretTypeTLS
	secret.Data = map[string][]byte{
		core.TLSCertKey:       pemOf("CERTIFICATE", certificate),
		core.TLSPrivateKeyKey: pemOf("EC PRIVATE KEY", raw),
	}
	return secret
}

func pemOf(kind string, raw []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: raw})
}
