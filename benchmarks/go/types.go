package main

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The part of the HelloWorld API (v1) that the benchmark's objects use. Autoscaling, persistence
// and snapshots are left out: no object of the benchmark asks for them.

var groupVersion = schema.GroupVersion{Group: "test.jiaozi.com", Version: "v1"}

type Greeting struct {
	Message  string `json:"message,omitempty"`
	Language string `json:"language,omitempty"`
}

type ServiceSpec struct {
	Type string `json:"type,omitempty"`
	Port int32  `json:"port,omitempty"`
}

type HelloWorldSpec struct {
	Replicas int32        `json:"replicas"`
	Greeting Greeting     `json:"greeting,omitempty"`
	Image    string       `json:"image,omitempty"`
	Service  *ServiceSpec `json:"service,omitempty"`
}

type HelloWorldStatus struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	Replicas           int32              `json:"replicas"`
	ReadyReplicas      int32              `json:"readyReplicas"`
	Selector           string             `json:"selector,omitempty"`
	URL                string             `json:"url,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type HelloWorld struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   HelloWorldSpec   `json:"spec,omitempty"`
	Status HelloWorldStatus `json:"status,omitempty"`
}

type HelloWorldList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []HelloWorld `json:"items"`
}

func (in *HelloWorld) DeepCopyInto(out *HelloWorld) {
	*out = *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if in.Spec.Service != nil {
		service := *in.Spec.Service
		out.Spec.Service = &service
	}
	if in.Status.Conditions != nil {
		out.Status.Conditions = make([]metav1.Condition, len(in.Status.Conditions))
		for i := range in.Status.Conditions {
			in.Status.Conditions[i].DeepCopyInto(&out.Status.Conditions[i])
		}
	}
}

func (in *HelloWorld) DeepCopy() *HelloWorld {
	out := new(HelloWorld)
	in.DeepCopyInto(out)
	return out
}

func (in *HelloWorld) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *HelloWorldList) DeepCopyObject() runtime.Object {
	out := &HelloWorldList{TypeMeta: in.TypeMeta, Items: make([]HelloWorld, len(in.Items))}
	in.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range in.Items {
		in.Items[i].DeepCopyInto(&out.Items[i])
	}
	return out
}

func addToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(groupVersion, &HelloWorld{}, &HelloWorldList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	return nil
}
