//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// TestHostileNames looks hosts up by names that break filters, in a KSC whose
// hosts have such names: each finds the host that is called so, or none.
func TestHostileNames(t *testing.T) {
	seed := seeded(t)
	program := build(t, "kes-respond", t.TempDir())
	for i, carry := range []func(*hostileRun){(*hostileRun).direct, (*hostileRun).lines} {
		d := newDealer(seed + uint64(i))
		inventory := []ksctest.Host{{ID: hostOf(0)}}
		asks := []ask{newAsk(0, "deleteFile", "", hostile{})}
		for len(inventory) < 400 {
			value := d.deal()
			if !utf8.ValidString(value.text) || strings.Contains(value.text, "\x00") || len(value.text) > 1000 {
				continue
			}
			n := len(asks)
			h := ksctest.Host{ID: "id-" + hostOf(n), DN: value.text}
			if n%2 == 0 {
				h = ksctest.Host{ID: h.ID, DN: "x", FQDN: value.text, NetBIOS: value.text}
			}
			known, unknown := newAsk(n, "deleteFile", "targetHost", value), newAsk(n+1, "deleteFile", "targetHost", d.deal())
			lookup := []string{`"auto"`, `"fqdn"`, `"dns"`, `"netbios"`}[n/2%4]
			known.set("hostLookup", lookup)
			unknown.set("hostLookup", lookup)
			known.found, unknown.found = h.ID, "nobody"
			inventory, asks = append(inventory, h), append(asks, known, unknown)
		}
		r := newHostileRun(t, program, inventory)
		r.asks, r.answers = asks, make([]answer, len(asks))
		carry(r)
		r.check()
		came, filters := 0, 0
		for _, a := range r.answers {
			if a.submitted() {
				came++
			}
		}
		for _, c := range r.record.calls {
			if strings.HasSuffix(c.Path, ".FindHosts") {
				filters++
			}
		}
		assert.Greater(t, came, 20, "hardly a host was found by its name")
		assert.Greater(t, filters, 100)
		if i == 0 {
			r.judged()
		}
	}
}

// judged has the policy looked at for people, with names of requests and of KSC
// that would forge lines.
func (r *hostileRun) judged() {
	t := r.t
	policy := `deny: [{name: servers, reason: no, effects: [deletes], hosts: {names: ["DC*"]}, folders: ['C:\Windows']}]`
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "policy.yaml"), []byte(policy), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(r.dir, "config.yaml"), []byte("policy: policy.yaml\n"), 0o600))
	vars := []string{"KES_RESPOND_CONFIG", filepath.Join(r.dir, "config.yaml")}
	for _, v := range r.at.environment() {
		name, value, _ := strings.Cut(v, "=")
		vars = append(vars, name, value)
	}
	codes := map[int]int{}
	for _, a := range r.asks[:200] {
		var out, errs bytes.Buffer
		codes[run(context.Background(), surroundings{
			args: []string{"kes-respond", "policy", "test"}, in: strings.NewReader(a.line() + "\n"), out: &out, err: &errs, getenv: environ(vars...),
			account: whoRuns, terminal: true, pid: 1,
		})]++
		ours(t, out.Bytes(), "host: ", "passes  ", "denies  ", "allowed: ", "denied: ", "refused: ", "  ")
		ours(t, errs.Bytes(), "kes-respond: ", "Nothing was sent. ")
		if t.Failed() {
			t.Fatalf("%.500q", a.line())
		}
	}
	assert.Positive(t, codes[0], "none was allowed: %v", codes)
	assert.Positive(t, codes[65], "none was refused: %v", codes)
}
