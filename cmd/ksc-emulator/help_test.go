package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func help(t *testing.T) string {
	t.Helper()
	var out, errs bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"--help"}, &out, &errs))
	require.Empty(t, errs.String())
	return out.String()
}

// TestHelpNamesEachSin: a line for each knob says which sin of a client it shows.
func TestHelpNamesEachSin(t *testing.T) {
	lines := strings.Split(help(t), "\n")
	for _, k := range append(ksctest.Knobs(), ksctest.TaskOddities()...) {
		found := slices.ContainsFunc(lines, func(line string) bool {
			name, sin, _ := strings.Cut(strings.TrimSpace(line), " ")
			return name == k.Name && strings.TrimSpace(sin) == k.Sin
		})
		assert.True(t, found, "no line for %s", k.Name)
	}
}

// TestFlagsAreThoseOfTheDesign: all that the design names.
func TestFlagsAreThoseOfTheDesign(t *testing.T) {
	var flags []string
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`).FindAllStringSubmatch(help(t), -1) {
		flags = append(flags, m[1])
	}
	for _, name := range []string{
		"listen", "ready-file", "cert-out", "user", "password", "inventory", "record", "state-in", "state-out", "console",
		"clock-skew", "latency", "mischief", "seed", "task-delay", "task-outcome", "task-limit", "task-findings",
		"scenario",
	} {
		assert.Contains(t, flags, name)
	}
}

// TestHelpShowsScenarios: a line for each step, and an example that is taken as it stands.
func TestHelpShowsScenarios(t *testing.T) {
	text := help(t)
	for _, k := range ksctest.StepKinds() {
		assert.Regexp(t, `(?m)^  `+regexp.QuoteMeta(strings.Join(append([]string{k.Name}, k.Args...), " "))+` +`+regexp.QuoteMeta(k.Does)+`$`, text)
	}
	_, rest, ok := strings.Cut(text, "Scenario: ")
	require.True(t, ok)
	start := strings.Index(rest, "  [{")
	require.Positive(t, start)
	steps, _, _ := strings.Cut(rest[start:], "\n\n")
	s, err := ksctest.New(ksctest.Options{User: "demo", Password: "demo", Scenario: []byte(steps)})
	require.NoError(t, err, steps)
	s.Close()
}

// TestTheExampleIsAccepted types the curl call of --help, header by header.
func TestTheExampleIsAccepted(t *testing.T) {
	text := help(t)
	start := strings.Index(text, "curl ")
	require.Positive(t, start)
	call, _, _ := strings.Cut(text[start:], "\n\n")
	data := regexp.MustCompile(`-d '([^']*)'`).FindStringSubmatch(call)
	path := regexp.MustCompile(`\$\(cat ready\)(\S+)`).FindStringSubmatch(call)
	require.NotNil(t, data)
	require.NotNil(t, path)
	r := httptest.NewRequest(http.MethodPost, "https://ksc.example"+path[1], strings.NewReader(data[1]))
	r.RequestURI = ""
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // what curl -d sends by itself
	for _, m := range regexp.MustCompile(`-H '([^:]+): ([^']*)'`).FindAllStringSubmatch(call, -1) {
		r.Header.Set(m[1], m[2])
	}
	s, err := ksctest.New(ksctest.Options{User: "demo", Password: "demo"})
	require.NoError(t, err)
	defer s.Close()
	tr := &http.Transport{DialContext: s.Dial, TLSClientConfig: trusting(t, s)}
	defer tr.CloseIdleConnections()
	a, err := tr.RoundTrip(r)
	require.NoError(t, err)
	defer a.Body.Close()
	assert.Equal(t, http.StatusOK, a.StatusCode)
}

func trusting(t *testing.T, s *ksctest.Server) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	require.True(t, pool.AppendCertsFromPEM(s.CertificatePEM()))
	return &tls.Config{RootCAs: pool}
}
