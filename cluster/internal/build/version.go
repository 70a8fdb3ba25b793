package build

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
)

// versions are the hash of each part by its name, and one over all of them. A part's hash is over everything it is made from:
// sources, pinned modules, flags, and the Go release.
func versions(source, goVersion string, parts []Part) (each map[string]string, all string, err error) {
	modules, err := moduleVersions(filepath.Join(source, "go.mod"))
	if err != nil {
		return nil, "", err
	}
	each = map[string]string{}
	total := sha256.New()
	for _, part := range parts {
		hash, err := partVersion(source, goVersion, part, modules)
		if err != nil {
			return nil, "", err
		}
		each[part.Name] = hash
		_, _ = fmt.Fprintf(total, "%s %s %q\n", part.Name, hash, part.Links)
	}
	return each, short(total), nil
}

func short(sum hash.Hash) string { return hex.EncodeToString(sum.Sum(nil))[:16] }

func partVersion(source, goVersion string, part Part, modules map[string]string) (string, error) {
	var files []string
	for _, input := range append([]string{"go.mod", "go.sum"}, part.Sources...) {
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
	_, _ = fmt.Fprintf(sum, "%s %s/%s %q %v\n", goVersion, runtime.GOOS, runtime.GOARCH, part.args("", modules), part.Cgo)
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
	return short(sum), nil
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
