package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"kopr.dev/cluster/internal/atomicfile"
	"kopr.dev/cluster/internal/layout"
)

// Owner is the checkout the machine's embedded cluster belongs to. It is the first thing up writes and the last down removes.
type Owner struct {
	Checkout string `json:"checkout"`
	Bin      string `json:"bin"`  // the programs it runs
	Boot     string `json:"boot"` // the kernel's boot id when it was last brought up
	Kept     bool   `json:"kept"` // down was told to leave the data
}

// readOwner returns the zero owner when the cluster is nobody's.
func readOwner() (Owner, error) {
	var owner Owner
	data, err := os.ReadFile(layout.Owner)
	if errors.Is(err, os.ErrNotExist) {
		return owner, nil
	}
	if err != nil {
		return owner, err
	}
	if err := json.Unmarshal(data, &owner); err != nil {
		return owner, fmt.Errorf("%s is damaged: %w; remove the file if no embedded cluster of another checkout is in use", layout.Owner, err)
	}
	return owner, nil
}

func (o Owner) write() error {
	if err := os.MkdirAll(filepath.Dir(layout.Owner), 0o711); err != nil {
		return err
	}
	data, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(layout.Owner, append(data, '\n'), 0o644)
}

// claim says what a checkout may do with the cluster it finds.
type claim int

const (
	ours      claim = iota // it is this checkout's, or nobody's
	abandoned              // nobody needs what is there: it goes before anything is started
	others                 // another checkout uses it
)

// judge decides by the owner's file, whether the owner's checkout still exists, and whether anything runs.
func judge(owner Owner, checkout string, exists, running bool) claim {
	switch {
	case owner.Checkout == "" || owner.Checkout == checkout:
		return ours
	case !exists || (!running && !owner.Kept):
		return abandoned
	default:
		return others
	}
}

func (c Cluster) claim(owner Owner) claim {
	_, err := os.Stat(filepath.Join(owner.Checkout, "cluster", "go.mod"))
	return judge(owner, c.Checkout, err == nil, len(c.running()) > 0)
}

func (o Owner) refusal() error {
	if o.Kept {
		return fmt.Errorf("the embedded cluster's data belongs to the checkout %s, which kept it; run `make down` there first", o.Checkout)
	}
	return fmt.Errorf("the embedded cluster belongs to the checkout %s; run `make down` there first, or use that cluster with KUBECONFIG=%s",
		o.Checkout, layout.Kubeconfig)
}

// mayTouch refuses when the cluster is another checkout's.
func (c Cluster) mayTouch() error {
	owner, err := readOwner()
	if err != nil {
		return err
	}
	if c.claim(owner) == others {
		return owner.refusal()
	}
	return nil
}
