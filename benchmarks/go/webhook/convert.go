package main

import (
	"encoding/json"
	"maps"

	"sigs.k8s.io/controller-runtime/pkg/conversion"
)

// What v1alpha1 has no field for travels in an annotation, as in Cluster API; only the part of the
// spec that needs it, so that the annotation is as short as the Python operator's.
const annotation = "test.jiaozi.com/conversion-data"

// ConvertTo makes v1 of v1alpha1.
func (old *OldHelloWorld) ConvertTo(hub conversion.Hub) error {
	made := hub.(*HelloWorld)
	made.ObjectMeta, made.Status = old.ObjectMeta, old.Status
	if text, ok := old.Annotations[annotation]; ok {
		if err := json.Unmarshal([]byte(text), &made.Spec); err != nil {
			return err
		}
		made.Annotations = maps.Clone(old.Annotations)
		delete(made.Annotations, annotation)
	}
	made.Spec.Replicas, made.Spec.Image = old.Spec.Size, old.Spec.Image
	if old.Spec.Message != "" {
		if made.Spec.Greeting == nil {
			made.Spec.Greeting = &Greeting{}
		}
		made.Spec.Greeting.Message = old.Spec.Message
	}
	return nil
}

// ConvertFrom makes v1alpha1 of v1.
func (old *OldHelloWorld) ConvertFrom(hub conversion.Hub) error {
	from := hub.(*HelloWorld)
	old.ObjectMeta, old.Status = from.ObjectMeta, from.Status
	old.Spec.Size, old.Spec.Image = from.Spec.Replicas, from.Spec.Image
	extra := Spec{Resources: from.Spec.Resources, Service: from.Spec.Service, Autoscaling: from.Spec.Autoscaling}
	if greeting := from.Spec.Greeting; greeting != nil {
		old.Spec.Message = greeting.Message
		if greeting.Language != "" {
			extra.Greeting = &Greeting{Language: greeting.Language}
		}
	}
	if extra == (Spec{}) {
		return nil
	}
	text, err := json.Marshal(extra)
	if err != nil {
		return err
	}
	old.Annotations = maps.Clone(from.Annotations)
	if old.Annotations == nil {
		old.Annotations = map[string]string{}
	}
	old.Annotations[annotation] = string(text)
	return nil
}
