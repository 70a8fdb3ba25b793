package cluster

import (
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	mine, theirs := Owner{Checkout: "/a"}, Owner{Checkout: "/b"}
	kept := Owner{Checkout: "/b", Kept: true}
	cases := []struct {
		name            string
		owner           Owner
		exists, running bool
		want            claim
	}{
		{"nobody's", Owner{}, false, false, ours},
		{"this checkout's, running", mine, true, true, ours},
		{"this checkout's, all killed", mine, true, false, ours},
		{"another's, running", theirs, true, true, others},
		{"another's, all killed", theirs, true, false, abandoned},
		{"another's that is gone, running", theirs, false, true, abandoned},
		{"another's kept data", kept, true, false, others},
		{"kept data of one that is gone", kept, false, false, abandoned},
	}
	for _, c := range cases {
		if got := judge(c.owner, "/a", c.exists, c.running); got != c.want {
			t.Errorf("%s: got %d, want %d", c.name, got, c.want)
		}
	}
}

func TestARefusalNamesOwnerAndRemedy(t *testing.T) {
	for _, owner := range []Owner{{Checkout: "/home/x/kopr"}, {Checkout: "/home/x/kopr", Kept: true}} {
		text := owner.refusal().Error()
		if !strings.Contains(text, "/home/x/kopr") || !strings.Contains(text, "make down") {
			t.Errorf("got %q", text)
		}
	}
}
