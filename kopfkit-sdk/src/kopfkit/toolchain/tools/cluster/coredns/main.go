// Command coredns is CoreDNS with the plugins that a cluster's Corefile names, and no others.
//
// The Corefile is kubeadm's (cmd/kubeadm/app/phases/addons/dns in Kubernetes). CoreDNS itself brings
// some fifty plugins, among them the clients of three clouds, whose compilation takes longer than
// all the rest. The order in which plugins see a query is CoreDNS's own, whatever the order here.
package main

import (
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

func main() {
	coremain.Run()
}
