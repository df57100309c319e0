package main

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// tell writes into status what is known: the same fields, condition types, reasons and messages as
// the Python operator's.
func tell(owner *HelloWorld, d *appsv1.Deployment, problem error) {
	status := &owner.Status
	status.ObservedGeneration = owner.Generation
	status.Replicas, status.ReadyReplicas = d.Status.Replicas, d.Status.ReadyReplicas
	status.Selector = fmt.Sprintf("app.kubernetes.io/instance=%s,app.kubernetes.io/name=%s", owner.Name, app)
	status.URL = fmt.Sprintf("http://%s.%s.svc:%d", owner.Name, owner.Namespace, servicePort(owner))
	for _, condition := range []metav1.Condition{
		available(owner, d), progressing(owner, d, problem), degraded(d, problem),
	} {
		condition.ObservedGeneration = owner.Generation
		meta.SetStatusCondition(&status.Conditions, condition)
	}
}

func pods(n int32) string {
	if n == 1 {
		return "1 pod"
	}
	return fmt.Sprintf("%d pods", n)
}

func available(owner *HelloWorld, d *appsv1.Deployment) metav1.Condition {
	wanted, now := owner.Spec.Replicas, d.Status.AvailableReplicas
	text := fmt.Sprintf("%d of %s available", now, pods(wanted))
	switch {
	case now > 0:
		return condition("Available", true, "MinimumReplicasAvailable", text)
	case wanted == 0:
		return condition("Available", false, "ScaledToZero", "no pods are wanted: spec.replicas is 0")
	}
	return condition("Available", false, "NoReplicasAvailable", text)
}

func progressing(owner *HelloWorld, d *appsv1.Deployment, problem error) metav1.Condition {
	wanted, s := owner.Spec.Replicas, d.Status
	seen := d.UID != "" && s.ObservedGeneration >= d.Generation
	switch {
	case problem != nil:
		return condition("Progressing", false, "NameCollision", problem.Error())
	case stuck(d) != "":
		return condition("Progressing", false, "RolloutStuck", stuck(d))
	case !seen:
		return condition("Progressing", true, "RollingOut", "waiting for the Deployment controller to see the change")
	case s.Replicas == wanted && s.UpdatedReplicas == wanted && s.AvailableReplicas == wanted:
		return condition("Progressing", false, "RolloutComplete", pods(wanted)+" up to date and available")
	}
	return condition("Progressing", true, "RollingOut",
		fmt.Sprintf("%d of %s up to date, %d available", s.UpdatedReplicas, pods(wanted), s.AvailableReplicas))
}

func degraded(d *appsv1.Deployment, problem error) metav1.Condition {
	if problem != nil {
		return condition("Degraded", true, "NameCollision", problem.Error())
	}
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentReplicaFailure && c.Status == corev1.ConditionTrue {
			return condition("Degraded", true, "PodsRefused", c.Message)
		}
	}
	if text := stuck(d); text != "" {
		return condition("Degraded", true, "RolloutStuck", text)
	}
	return condition("Degraded", false, "AsExpected", "")
}

func stuck(d *appsv1.Deployment) string {
	for _, c := range d.Status.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Status == corev1.ConditionFalse {
			return c.Message
		}
	}
	return ""
}

func condition(kind string, yes bool, reason, message string) metav1.Condition {
	state := metav1.ConditionFalse
	if yes {
		state = metav1.ConditionTrue
	}
	return metav1.Condition{Type: kind, Status: state, Reason: reason, Message: message}
}
