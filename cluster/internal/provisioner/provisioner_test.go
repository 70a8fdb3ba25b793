package provisioner

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	v1 "k8s.io/api/core/v1"
	storage "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

func provision(t *testing.T, d directories) *v1.PersistentVolume {
	t.Helper()
	policy := v1.PersistentVolumeReclaimDelete
	claim := &v1.PersistentVolumeClaim{Spec: v1.PersistentVolumeClaimSpec{
		AccessModes: []v1.PersistentVolumeAccessMode{v1.ReadWriteOnce},
		Resources:   v1.VolumeResourceRequirements{Requests: v1.ResourceList{v1.ResourceStorage: resource.MustParse("1Gi")}},
	}}
	volume, _, err := d.Provision(context.Background(), controller.ProvisionOptions{
		PVName: "pvc-1", PVC: claim, StorageClass: &storage.StorageClass{ReclaimPolicy: &policy},
	})
	if err != nil {
		t.Fatal(err)
	}
	return volume
}

func TestAVolumeIsADirectoryOfItsNode(t *testing.T) {
	d := directories{root: t.TempDir(), node: "here"}
	volume := provision(t, d)
	provision(t, d)
	info, err := os.Stat(volume.Spec.Local.Path)
	if err != nil || !info.IsDir() {
		t.Fatalf("there is no directory %s: %v", volume.Spec.Local.Path, err)
	}
	node := volume.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Values[0]
	if size := volume.Spec.Capacity[v1.ResourceStorage]; node != "here" || size.String() != "1Gi" {
		t.Fatalf("got node %q and size %s", node, size.String())
	}
	if err := os.WriteFile(filepath.Join(volume.Spec.Local.Path, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.Delete(context.Background(), volume); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(volume.Spec.Local.Path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the directory is still there: %v", err)
	}
}

func TestDeleteTouchesNothingElse(t *testing.T) {
	parent := t.TempDir()
	d := directories{root: filepath.Join(parent, "volumes")}
	precious := filepath.Join(parent, "precious")
	if err := os.MkdirAll(precious, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path string }{
		{"pvc-1", precious},
		{"../precious", precious},
		{"..", parent},
		{"", d.root},
	} {
		volume := &v1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: c.name}}
		volume.Spec.Local = &v1.LocalVolumeSource{Path: c.path}
		if err := d.Delete(context.Background(), volume); !errors.Is(err, errBadName) {
			t.Errorf("deleting volume %q at %s: got %v, want a refusal", c.name, c.path, err)
		}
	}
	if err := d.Delete(context.Background(), &v1.PersistentVolume{}); !errors.Is(err, errBadName) {
		t.Errorf("deleting a volume without a directory: got %v, want a refusal", err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Fatal(err)
	}
}
