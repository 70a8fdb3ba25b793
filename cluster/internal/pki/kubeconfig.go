package pki

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"

	"kopr.dev/cluster/internal/atomicfile"
)

// WriteKubeconfig writes a kubeconfig for the user of the certificate named leafFile. Certificates and key are put in, so that
// the file can be copied elsewhere and works alone. It is JSON, which every reader of kubeconfigs takes as YAML.
func (a *Authority) WriteKubeconfig(path, server, cluster, leafFile string) error {
	ca, err := encoded(a.CertFile())
	if err != nil {
		return err
	}
	cert, err := encoded(filepath.Join(a.dir, leafFile+".crt"))
	if err != nil {
		return err
	}
	key, err := encoded(filepath.Join(a.dir, leafFile+".key"))
	if err != nil {
		return err
	}
	type object = map[string]any
	config := object{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": []object{{
			"name":    cluster,
			"cluster": object{"server": server, "certificate-authority-data": ca},
		}},
		"users": []object{{
			"name": leafFile,
			"user": object{"client-certificate-data": cert, "client-key-data": key},
		}},
		"contexts": []object{{
			"name":    cluster,
			"context": object{"cluster": cluster, "user": leafFile},
		}},
		"current-context": cluster,
	}
	data, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(path, append(data, '\n'), 0o600)
}

func encoded(path string) (string, error) {
	data, err := os.ReadFile(path)
	return base64.StdEncoding.EncodeToString(data), err
}
