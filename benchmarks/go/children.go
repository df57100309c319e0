package main

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The same Deployment and Service that the Python operator makes. Each function writes the wanted
// fields into an object that is new or was read from the cache, as controllerutil.CreateOrUpdate
// wants it: fields that others or the API server set stay, so an unchanged child is not written.

const (
	manager = "helloworld-operator"
	app     = "helloworld"
	port    = int32(8080)
)

var resources = corev1.ResourceRequirements{
	Requests: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("32Mi")},
	Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("128Mi")},
}

func selectorLabels(name string) map[string]string {
	return map[string]string{"app.kubernetes.io/name": app, "app.kubernetes.io/instance": name}
}

func labels(name string) map[string]string {
	all := selectorLabels(name)
	all["app.kubernetes.io/component"] = "greeting"
	all["app.kubernetes.io/managed-by"] = manager
	return all
}

func label(object metav1.Object, name string) {
	have := object.GetLabels()
	if have == nil {
		have = map[string]string{}
	}
	for key, value := range labels(name) {
		have[key] = value
	}
	object.SetLabels(have)
}

func wantDeployment(owner *HelloWorld, image string, d *appsv1.Deployment) {
	label(d, owner.Name)
	deadline := int32(180)
	replicas := owner.Spec.Replicas
	d.Spec.Replicas = &replicas
	d.Spec.ProgressDeadlineSeconds = &deadline
	if d.Spec.Selector == nil { // it cannot be changed later
		d.Spec.Selector = &metav1.LabelSelector{MatchLabels: selectorLabels(owner.Name)}
	}
	zero, one := intstr.FromInt32(0), intstr.FromInt32(1)
	d.Spec.Strategy = appsv1.DeploymentStrategy{
		Type:          appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: &zero, MaxSurge: &one},
	}
	d.Spec.Template.Labels = labels(owner.Name)
	wantPod(owner, image, &d.Spec.Template.Spec)
}

func wantPod(owner *HelloWorld, image string, pod *corev1.PodSpec) {
	no, yes, user, grace := false, true, int64(65532), int64(14)
	pod.AutomountServiceAccountToken = &no
	pod.EnableServiceLinks = &no
	pod.TerminationGracePeriodSeconds = &grace
	pod.SecurityContext = &corev1.PodSecurityContext{
		RunAsNonRoot: &yes, RunAsUser: &user, RunAsGroup: &user,
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
	if len(pod.Containers) == 0 {
		pod.Containers = []corev1.Container{{Name: "greeting"}}
	}
	c := &pod.Containers[0]
	c.Image, c.Args = image, []string{"serve"}
	handler := corev1.ProbeHandler{
		HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http"), Scheme: corev1.URISchemeHTTP},
	}
	if owner.Spec.Image != "" {
		c.Image, c.Args = owner.Spec.Image, nil
		handler = corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("http")}}
	}
	c.Env = []corev1.EnvVar{
		{Name: "GREETING_MESSAGE", Value: strings.ReplaceAll(owner.Spec.Greeting.Message, "$", "$$")},
		{Name: "GREETING_LANGUAGE", Value: owner.Spec.Greeting.Language},
		{Name: "PORT", Value: "8080"},
		{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{
			FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}},
	}
	c.Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: port, Protocol: corev1.ProtocolTCP}}
	if c.ReadinessProbe == nil {
		c.ReadinessProbe = &corev1.Probe{TimeoutSeconds: 1, SuccessThreshold: 1}
	}
	c.ReadinessProbe.ProbeHandler = handler
	c.ReadinessProbe.PeriodSeconds, c.ReadinessProbe.FailureThreshold = 5, 3
	c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 4}}}
	c.Resources = resources
	c.SecurityContext = &corev1.SecurityContext{
		AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes,
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
	}
}

func wantService(owner *HelloWorld, s *corev1.Service) {
	label(s, owner.Name)
	s.Spec.Type = corev1.ServiceType(serviceType(owner))
	s.Spec.Selector = selectorLabels(owner.Name)
	if len(s.Spec.Ports) != 1 {
		s.Spec.Ports = []corev1.ServicePort{{}}
	}
	p := &s.Spec.Ports[0]
	p.Name, p.Port, p.TargetPort, p.Protocol = "http", servicePort(owner), intstr.FromString("http"), corev1.ProtocolTCP
}

func serviceType(owner *HelloWorld) string {
	if owner.Spec.Service == nil || owner.Spec.Service.Type == "" {
		return "ClusterIP"
	}
	return owner.Spec.Service.Type
}

func servicePort(owner *HelloWorld) int32 {
	if owner.Spec.Service == nil || owner.Spec.Service.Port == 0 {
		return 80
	}
	return owner.Spec.Service.Port
}
