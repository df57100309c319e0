// The conversion webhook of HelloWorld on controller-runtime, for comparison: its webhook server and
// its conversion handler, without a manager, caches or a client, which a conversion does not need.
// HTTP/2 is off, as kubebuilder has it.
package main

import (
	"crypto/tls"
	"flag"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/conversion"
)

func main() {
	directory := flag.String("cert-dir", "", "directory of tls.crt and tls.key")
	port := flag.Int("port", 9443, "HTTPS port")
	flag.Parse()
	ctrl.SetLogger(zap.New())
	if err := run(*directory, *port); err != nil {
		ctrl.Log.Error(err, "ends")
		os.Exit(1)
	}
}

func run(directory string, port int) error {
	scheme := runtime.NewScheme()
	addToScheme(scheme)
	server := webhook.NewServer(webhook.Options{
		Port:    port,
		CertDir: directory,
		TLSOpts: []func(*tls.Config){func(c *tls.Config) {
			c.NextProtos = []string{"http/1.1"}
			c.MinVersion = tls.VersionTLS13
		}},
	})
	server.Register("/convert", conversion.NewWebhookHandler(scheme, conversion.NewRegistry()))
	return server.Start(ctrl.SetupSignalHandler())
}
