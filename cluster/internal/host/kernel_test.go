package host

import (
	"strings"
	"testing"
)

func TestOldKernelsAreWarnedAbout(t *testing.T) {
	cases := map[string]bool{
		"6.1.0-28-amd64": true, "5.15.0": true, "6.2": true, "6.3.0": false, "6.18.44-x": false, "7.0.1": false, "10.1": false, "": false, "unknown": false,
	}
	for release, want := range cases {
		warning := kernelWarning(release)
		if (warning != "") != want || (want && !strings.Contains(warning, release)) {
			t.Errorf("%q: %q", release, warning)
		}
	}
}
