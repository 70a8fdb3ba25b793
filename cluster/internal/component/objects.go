package component

import (
	"context"
	"fmt"
	"net/http"

	"kopr.dev/cluster/internal/layout"
	"kopr.dev/cluster/internal/provisionername"
)

// applied is an object the cluster comes with, and the path it is applied at.
type applied struct {
	Path   string
	Object object
}

const rbac = "rbac.authorization.k8s.io"

// objects are what a cluster has besides its programs: a default storage class, the name service, and the rights of the
// components that are not Kubernetes' own.
func objects() []applied {
	rule := func(group string, verbs []string, resources ...string) object {
		return object{"apiGroups": []string{group}, "resources": resources, "verbs": verbs}
	}
	read := []string{"get", "list", "watch"}
	list := []applied{
		{"/apis/storage.k8s.io/v1/storageclasses/standard", object{
			"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
			"metadata":    object{"name": "standard", "annotations": object{"storageclass.kubernetes.io/is-default-class": "true"}},
			"provisioner": provisionername.Name, "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
		}},
		{"/api/v1/namespaces/kube-system/services/kube-dns", object{
			"apiVersion": "v1", "kind": "Service",
			"metadata": object{"name": "kube-dns", "namespace": "kube-system", "labels": object{"k8s-app": "kube-dns"}},
			"spec": object{"clusterIP": layout.DNSService, "ports": []object{
				{"name": "dns", "port": 53, "protocol": "UDP", "targetPort": layout.DNSPort},
				{"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": layout.DNSPort},
			}},
		}},
		{"/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices/kube-dns-host", object{
			"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
			"metadata": object{
				"name": "kube-dns-host", "namespace": "kube-system",
				"labels": object{"kubernetes.io/service-name": "kube-dns", "endpointslice.kubernetes.io/managed-by": "kopr-cluster"},
			},
			"addressType": "IPv4",
			"endpoints":   []object{{"addresses": []string{layout.NodeAddress}, "conditions": object{"ready": true}}},
			"ports": []object{
				{"name": "dns", "port": layout.DNSPort, "protocol": "UDP"},
				{"name": "dns-tcp", "port": layout.DNSPort, "protocol": "TCP"},
			},
		}},
	}
	list = append(list, role(CoreDNS,
		rule("", read, "endpoints", "services", "pods", "namespaces"),
		rule("discovery.k8s.io", read, "endpointslices"))...)
	return append(list, role(Provisioner,
		rule("", append(read, "create", "delete", "patch", "update"), "persistentvolumes"),
		rule("", append(read, "update", "patch"), "persistentvolumeclaims"),
		rule("", read, "nodes"),
		rule("storage.k8s.io", read, "storageclasses"),
		rule("", []string{"create", "patch", "update"}, "events"))...)
}

// role gives the component's user the rights.
func role(component string, rules ...object) []applied {
	name := "kopr-cluster:" + component
	return []applied{
		{"/apis/" + rbac + "/v1/clusterroles/" + name, object{
			"apiVersion": rbac + "/v1", "kind": "ClusterRole", "metadata": object{"name": name}, "rules": rules,
		}},
		{"/apis/" + rbac + "/v1/clusterrolebindings/" + name, object{
			"apiVersion": rbac + "/v1", "kind": "ClusterRoleBinding", "metadata": object{"name": name},
			"roleRef":  object{"apiGroup": rbac, "kind": "ClusterRole", "name": name},
			"subjects": []object{{"kind": "User", "apiGroup": rbac, "name": name}},
		}},
	}
}

// Apply puts the objects into the cluster, or finds them there as they should be.
func (n Node) Apply(ctx context.Context) error {
	for _, entry := range objects() {
		path := entry.Path + "?fieldManager=kopr-cluster&force=true"
		if err := n.Plane.Call(ctx, http.MethodPatch, path, entry.Object, nil); err != nil {
			return fmt.Errorf("applying the cluster's own objects: %w", err)
		}
	}
	return nil
}
