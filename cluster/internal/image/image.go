// Package image writes container images of one static program, as archives that containerd imports.
package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
)

type object = map[string]any

// Write writes an OCI archive of an image called name, which holds the program and runs it as the user and group 65535.
func Write(out io.Writer, name, program, architecture string) error {
	data, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	entry := path.Base(program)
	layer, err := tarball(file{entry, data, 0o755})
	if err != nil {
		return err
	}
	config := encode(object{
		"architecture": architecture, "os": "linux",
		"config": object{"Entrypoint": []string{"/" + entry}, "User": "65535:65535"},
		"rootfs": object{"type": "layers", "diff_ids": []string{digest(layer)}},
	})
	manifest := encode(object{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": descriptor("application/vnd.oci.image.config.v1+json", config),
		"layers": []object{descriptor("application/vnd.oci.image.layer.v1.tar", layer)},
	})
	entryOfIndex := descriptor("application/vnd.oci.image.manifest.v1+json", manifest)
	entryOfIndex["annotations"] = object{"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name}
	index := encode(object{"schemaVersion": 2, "manifests": []object{entryOfIndex}})

	archive, err := tarball(
		file{"oci-layout", encode(object{"imageLayoutVersion": "1.0.0"}), 0o644},
		file{"index.json", index, 0o644},
		file{blob(manifest), manifest, 0o644},
		file{blob(config), config, 0o644},
		file{blob(layer), layer, 0o644},
	)
	if err != nil {
		return err
	}
	_, err = out.Write(archive)
	return err
}

type file struct {
	name string
	data []byte
	mode int64
}

// tarball has no times and owners in it, so that the same program always makes the same image.
func tarball(files ...file) ([]byte, error) {
	var buffer bytes.Buffer
	writer := tar.NewWriter(&buffer)
	for _, f := range files {
		if err := writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: f.name, Mode: f.mode, Size: int64(len(f.data))}); err != nil {
			return nil, err
		}
		if _, err := writer.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func encode(value any) []byte {
	data, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("maps, lists and strings cannot fail to encode: %v", err))
	}
	return data
}

func descriptor(mediaType string, data []byte) object {
	return object{"mediaType": mediaType, "digest": digest(data), "size": len(data)}
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func digest(data []byte) string { return "sha256:" + hash(data) }

func blob(data []byte) string { return "blobs/sha256/" + hash(data) }
