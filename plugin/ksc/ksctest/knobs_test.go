package ksctest

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestEveryKnobHasASinAndATest reads the tests' own source: a knob without one is a knob that may do nothing.
func TestEveryKnobHasASinAndATest(t *testing.T) {
	source, err := os.ReadFile("mischief_test.go")
	require.NoError(t, err)
	constants, err := os.ReadFile("knobs.go")
	require.NoError(t, err)
	known := map[string]bool{}
	for _, k := range Knobs() {
		assert.NotEmpty(t, k.Sin, k.Name)
		assert.False(t, known[k.Name], "%s stands twice", k.Name)
		known[k.Name] = true
		before, _, ok := strings.Cut(string(constants), `= "`+k.Name+`"`)
		require.True(t, ok, "%s has no constant", k.Name)
		fields := strings.Fields(before)
		assert.Contains(t, string(source), "\t"+fields[len(fields)-1]+":", "%s has no test", k.Name)
	}
	for _, name := range []string{ // of the design
		"drop-before-store", "drop-after-store", "store-late", "truncate", "html", "status-503", "delay", "end-session", "gzip-broken",
		"no-subcode", "long-as-string", "swap-cert",
	} {
		assert.True(t, known[name], name)
	}
}

// strikesOf writes for n calls which were struck.
func strikesOf(t *testing.T, seed uint64, chance float64, n int) string {
	t.Helper()
	s := start(t, Options{Mischief: map[string]float64{"status-503": chance}, Seed: seed})
	c := newClient(t, s)
	var b strings.Builder
	for range n {
		fmt.Fprint(&b, c.post("Session.Ping", "{}").status/100)
	}
	return b.String()
}

func TestProbabilityAndSeed(t *testing.T) {
	const n = 400
	assert.Equal(t, strings.Repeat("2", n), strikesOf(t, 7, 0, n))
	assert.Equal(t, strings.Repeat("5", n), strikesOf(t, 7, 1, n))
	some := strikesOf(t, 7, 0.25, n)
	assert.Equal(t, some, strikesOf(t, 7, 0.25, n), "the same seed, the same mischief")
	assert.NotEqual(t, some, strikesOf(t, 8, 0.25, n))
	// Six standard deviations of a binomial distribution: the seed is fixed, so this cannot come and go.
	assert.InDelta(t, n/4, strings.Count(some, "5"), 6*math.Sqrt(n*0.25*0.75))
}

func TestASeedIsPickedAndTold(t *testing.T) {
	a, b := start(t, Options{}), start(t, Options{})
	assert.NotZero(t, a.Seed())
	assert.NotEqual(t, a.Seed(), b.Seed())
	assert.Equal(t, uint64(7), start(t, Options{Seed: 7}).Seed())
}

func TestKnobsOfOneMethodLeaveOthersAlone(t *testing.T) {
	s := start(t, Options{Mischief: map[string]float64{"status-503@Session.Ping": 1}})
	c := newClient(t, s)
	assert.Equal(t, 503, c.post("Session.Ping", "{}").status)
	assert.Equal(t, 503, c.post("instance.Session.Ping", "{}").status)
	assert.Equal(t, 200, c.post("HostGroup.GroupIdGroups", "{}").status)
}

// TestOneReplacingKnobWins: the first in the list of those that would each decide the answer; others combine with it.
func TestOneReplacingKnobWins(t *testing.T) {
	s := start(t, Options{Mischief: map[string]float64{"html": 1, "status-503": 1, "chunked": 1, "no-subcode": 1, "starting": 1}})
	c := newClient(t, s)
	g := c.post("Session.Ping", "{}")
	assert.Equal(t, 503, g.status)
	assert.Empty(t, g.header.Get("Content-Length"))
	assert.Equal(t, []string{"status-503", "chunked"}, s.Calls()[0].Mischief, "no-subcode had nothing to change")

	require.NoError(t, s.SetMischief(map[string]float64{"no-subcode": 1, "starting": 1}))
	assert.NotContains(t, c.post("Session.Ping", "{}").text, "subcode")
	assert.Equal(t, []string{"starting", "no-subcode"}, s.Calls()[1].Mischief)
}

func TestMischiefIsParsed(t *testing.T) {
	got, err := ParseMischief("html, delay=0.5,status-503@HostGroup.AddIncident=1e-3")
	require.NoError(t, err)
	assert.Equal(t, map[string]float64{"html": 1, "delay": 0.5, "status-503@HostGroup.AddIncident": 0.001}, got)
	for _, text := range []string{"", ",", "html,", "html,html", "html,html=0.5", "html=", "html=x", "html=50%", "=1", "html@", "html@=1"} {
		_, err := ParseMischief(text)
		assert.Error(t, err, text)
	}
	for _, text := range []string{
		"no-such", "HTML", "html=1.1", "html=-0.1", "html=NaN", "html=Inf", "html@HostGroup.addIncident", "html@NoSuch", "swap-cert@login", "@login",
	} {
		m, err := ParseMischief(text)
		require.NoError(t, err, text)
		_, err = New(Options{User: user, Password: password, Mischief: m})
		assert.Error(t, err, text)
	}
}
