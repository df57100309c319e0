package main

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Both versions of HelloWorld, with the fields that the benchmark's objects have. A field that is not
// here is dropped: typed conversion keeps what its types know.

var group = "test.jiaozi.com"

type Greeting struct {
	Message  string `json:"message,omitempty"`
	Language string `json:"language,omitempty"`
}

type Service struct {
	Type string `json:"type,omitempty"`
	Port int32  `json:"port,omitempty"`
}

type Autoscaling struct {
	MaxReplicas                    int32 `json:"maxReplicas"`
	MinReplicas                    int32 `json:"minReplicas,omitempty"`
	TargetCPUUtilizationPercentage int32 `json:"targetCPUUtilizationPercentage,omitempty"`
}

// Spec is v1's, the hub's.
type Spec struct {
	Replicas    *int32                       `json:"replicas,omitempty"`
	Greeting    *Greeting                    `json:"greeting,omitempty"`
	Image       string                       `json:"image,omitempty"`
	Resources   *corev1.ResourceRequirements `json:"resources,omitempty"`
	Service     *Service                     `json:"service,omitempty"`
	Autoscaling *Autoscaling                 `json:"autoscaling,omitempty"`
}

// OldSpec is v1alpha1's.
type OldSpec struct {
	Size    *int32 `json:"size,omitempty"`
	Message string `json:"message,omitempty"`
	Image   string `json:"image,omitempty"`
}

// Status is the same in both.
type Status struct {
	ObservedGeneration int64              `json:"observedGeneration,omitempty"`
	DesiredReplicas    *int32             `json:"desiredReplicas,omitempty"`
	Replicas           *int32             `json:"replicas,omitempty"`
	ReadyReplicas      *int32             `json:"readyReplicas,omitempty"`
	Selector           string             `json:"selector,omitempty"`
	URL                string             `json:"url,omitempty"`
	Image              string             `json:"image,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

// HelloWorld is v1.
type HelloWorld struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   Spec    `json:"spec,omitempty"`
	Status *Status `json:"status,omitempty"`
}

// OldHelloWorld is v1alpha1.
type OldHelloWorld struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   OldSpec `json:"spec,omitempty"`
	Status *Status `json:"status,omitempty"`
}

func (*HelloWorld) Hub() {}

// Conversions make what they need anew and nothing here is cached, so copies are never taken.

func (in *HelloWorld) DeepCopyObject() runtime.Object { out := *in; return &out }

func (in *OldHelloWorld) DeepCopyObject() runtime.Object { out := *in; return &out }

func addToScheme(scheme *runtime.Scheme) {
	scheme.AddKnownTypeWithName(schema.GroupVersionKind{Group: group, Version: "v1", Kind: "HelloWorld"}, &HelloWorld{})
	scheme.AddKnownTypeWithName(schema.GroupVersionKind{Group: group, Version: "v1alpha1", Kind: "HelloWorld"}, &OldHelloWorld{})
}
