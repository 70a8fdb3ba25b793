package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
)

// inputs are the files and folders of the source tree that decide what the programs are.
var inputs = []string{"go.mod", "go.sum", "cmd/kubernetes", "cmd/pause", "internal/provisioner", "internal/provisionername", "internal/build/parts.go"}

// Version is a hash over everything the programs are made from: sources, pinned modules, flags, and the Go release.
func Version(source, goVersion string) (string, error) {
	var files []string
	for _, input := range inputs {
		err := filepath.WalkDir(filepath.Join(source, input), func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() && !strings.HasSuffix(path, "_test.go") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			return "", fmt.Errorf("reading the cluster's sources: %w", err)
		}
	}
	sort.Strings(files)
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s %s/%s\n", goVersion, runtime.GOOS, runtime.GOARCH)
	for _, path := range files {
		name, err := filepath.Rel(source, path)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintf(sum, "%s\n", name)
		if err := hashFile(sum, path); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16], nil
}

func hashFile(sum io.Writer, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	_, err = io.Copy(sum, file)
	return err
}

var requirement = regexp.MustCompile(`(?m)^(?:require )?\s*([a-z0-9.-]+\.[a-z]+/\S+) (v\S+)`)

// moduleVersions reads the required versions out of a go.mod file.
func moduleVersions(gomod string) (map[string]string, error) {
	data, err := os.ReadFile(gomod)
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, match := range requirement.FindAllStringSubmatch(string(data), -1) {
		versions[match[1]] = match[2]
	}
	return versions, nil
}
