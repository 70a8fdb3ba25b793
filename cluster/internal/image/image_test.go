package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func unpack(t *testing.T, archive []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(reader); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheArchiveLeadsFromIndexToProgram(t *testing.T) {
	program := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(program, []byte("the program"), 0o755); err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &second} {
		if err := Write(out, "localhost/x:1", program, "amd64"); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the same program made two different images")
	}
	files := unpack(t, first.Bytes())
	type reference struct {
		Digest      string            `json:"digest"`
		Size        int               `json:"size"`
		Annotations map[string]string `json:"annotations"`
	}
	read := func(r reference) []byte {
		data, found := files["blobs/sha256/"+strings.TrimPrefix(r.Digest, "sha256:")]
		if !found || len(data) != r.Size || digest(data) != r.Digest {
			t.Fatalf("the blob %+v is missing or damaged", r)
		}
		return data
	}
	var index struct{ Manifests []reference }
	var manifest struct {
		Config reference
		Layers []reference
	}
	var config struct {
		Config struct{ Entrypoint []string }
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	for _, step := range []struct {
		data func() []byte
		into any
	}{
		{func() []byte { return files["index.json"] }, &index},
		{func() []byte { return read(index.Manifests[0]) }, &manifest},
		{func() []byte { return read(manifest.Config) }, &config},
	} {
		if err := json.Unmarshal(step.data(), step.into); err != nil {
			t.Fatal(err)
		}
	}
	layer := read(manifest.Layers[0])
	if string(unpack(t, layer)["pause"]) != "the program" || config.Config.Entrypoint[0] != "/pause" || config.RootFS.DiffIDs[0] != digest(layer) {
		t.Fatalf("the image does not run the program: %+v", config)
	}
	if index.Manifests[0].Annotations["io.containerd.image.name"] != "localhost/x:1" {
		t.Fatalf("the image has no name: %v", index.Manifests[0].Annotations)
	}
}
