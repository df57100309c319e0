// Asks OLM's catalog operator what it asks itself before it updates a CRD: whether the objects that
// there are fit the new one. The new CRD comes as JSON on stdin, the kubeconfig as argument.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/operator-framework/operator-lifecycle-manager/pkg/controller/operators/catalog"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	if err := check(os.Args[1]); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func check(kubeconfig string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	wanted := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.NewDecoder(os.Stdin).Decode(wanted); err != nil {
		return err
	}
	crds := apiextensions.NewForConfigOrDie(config).ApiextensionsV1().CustomResourceDefinitions()
	current, err := crds.Get(context.TODO(), wanted.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return catalog.ValidateV1CRDCompatibility(dynamic.NewForConfigOrDie(config), current, wanted)
}
