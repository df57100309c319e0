// The conversion webhook of HelloWorld on controller-runtime, for comparison: its webhook server and
// its conversion handler, without a manager, caches or a client, which a conversion does not need.
// HTTP/2 is off, as kubebuilder has it.
package main

import (
	"context"
	"crypto/tls"
	"flag"
	"net/http"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/controller-runtime/pkg/webhook/conversion"
)

func main() {
	directory := flag.String("cert-dir", "", "directory of tls.crt and tls.key")
	port := flag.Int("port", 9443, "HTTPS port")
	drain := flag.Duration("drain", 0, "after SIGTERM, how long to answer and close connections before the end")
	flag.Parse()
	ctrl.SetLogger(zap.New())
	if err := run(*directory, *port, *drain); err != nil {
		ctrl.Log.Error(err, "ends")
		os.Exit(1)
	}
}

func run(directory string, port int, drain time.Duration) error {
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
	handler := conversion.NewWebhookHandler(scheme, conversion.NewRegistry())
	stopping := ctrl.SetupSignalHandler()
	// An idle connection that is closed without a word fails the call that the API server sends then.
	server.Register("/convert", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stopping.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	}))
	ctx, end := context.WithCancel(context.Background())
	go func() {
		<-stopping.Done()
		time.Sleep(drain)
		end()
	}()
	return server.Start(ctx)
}
