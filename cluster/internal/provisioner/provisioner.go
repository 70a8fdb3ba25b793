// Package provisioner makes a directory of the machine into a PersistentVolume for every claim of its storage class.
//
// The volumes are of kind "local", not "hostPath", because only those honour a pod's fsGroup: programs that do not run as
// root can write to them, as they can on the volumes of a real cluster.
package provisioner

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"

	"kopr.dev/cluster/internal/provisionername"
)

// Main runs the provisioner until it is told to end. It returns the exit code.
func Main(args []string) int {
	flags := flag.NewFlagSet("directory-provisioner", flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", "", "kubeconfig of the user the provisioner acts as")
	root := flags.String("root", "", "directory the volumes are made in")
	node := flags.String("node", "", "name of the node the directory is on")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, *kubeconfig, directories{root: *root, node: *node}); err != nil {
		fmt.Fprintf(os.Stderr, "directory-provisioner: %v\n", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, kubeconfig string, volumes directories) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	// One process on one machine: there is nobody to elect a leader among.
	controller.NewProvisionController(ctx, client, provisionername.Name, volumes, controller.LeaderElection(false)).Run(ctx)
	return nil
}

// directories makes volumes as directories below root.
type directories struct {
	root, node string
}

var errBadName = errors.New("the volume's directory is not one this provisioner has made")

// Provision makes the volume's directory and describes it. Doing it twice is doing it once.
func (d directories) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	path := filepath.Join(d.root, options.PVName)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	mode := v1.PersistentVolumeFilesystem
	volume := &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   options.PVC.Spec.AccessModes,
			VolumeMode:                    &mode,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: options.PVC.Spec.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}},
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{NodeSelectorTerms: []v1.NodeSelectorTerm{{
				MatchExpressions: []v1.NodeSelectorRequirement{{Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{d.node}}},
			}}}},
		},
	}
	return volume, controller.ProvisioningFinished, nil
}

// Delete removes the volume's directory with all that is in it.
func (d directories) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	// The path comes from an object that others may write; only the directory this volume was given is removed.
	path := filepath.Join(d.root, volume.Name)
	if volume.Spec.Local == nil || volume.Spec.Local.Path != path || filepath.Dir(path) != filepath.Clean(d.root) {
		return errBadName
	}
	return os.RemoveAll(path)
}
