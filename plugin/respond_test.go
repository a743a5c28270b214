package plugin_test

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

const (
	hostID   = "e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f"
	password = "p@ss \"wörd\""
)

// pair is the real plugin with the real client, against the emulator, over
// connections in memory.
type pair struct {
	*plugin.Plugin
	ksc *ksctest.Server
}

func newPair(t testing.TB, o ksctest.Options) pair { return newPairWith(t, o, nil) }

// newPairWith changes the client's configuration before it is used.
func newPairWith(t testing.TB, o ksctest.Options, change func(*ksc.Config)) pair {
	t.Helper()
	o.User, o.Password = "edr-operator", password
	server, err := ksctest.New(o)
	require.NoError(t, err)
	trust, err := ksc.ParseTrust(server.CertificatePEM())
	require.NoError(t, err)
	config := ksc.Config{Addr: "ksc.example:13299", User: o.User, Password: password, Trust: trust, Dial: server.Dial}
	if change != nil {
		change(&config)
	}
	p, err := plugin.New(context.Background(), plugin.Config{Version: "test", Servers: map[string]ksc.Config{"main": config}})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		p.Close(ctx) // a server full of mischief may not end the session
		server.Close()
	})
	return pair{p, server}
}

// send carries out one request line and returns its events and result.
func (p pair) send(t testing.TB, line string) ([]shared.Event, shared.Result) {
	t.Helper()
	return p.sendCtx(t, context.Background(), line)
}

func (p pair) sendCtx(t testing.TB, ctx context.Context, line string) ([]shared.Event, shared.Result) {
	t.Helper()
	r, refusal := shared.ParseRequest([]byte(line))
	if refusal != nil {
		return nil, shared.Result{Outcome: shared.Refused, Error: refusal}
	}
	var events []shared.Event
	result := p.Respond(ctx, r, func(e shared.Event) { events = append(events, e) })
	return events, result
}

// sent counts the calls of a method that reached the emulator.
func (p pair) sent(method string) int {
	n := 0
	for _, c := range p.ksc.Calls() {
		if strings.HasSuffix(c.Path, method) {
			n++
		}
	}
	return n
}

func isolate(extra string) string {
	return `{"id":"1","task":"isolateHost","targetHost":"` + hostID + `","params":{"action":1}` + extra + `}`
}

func TestRespondSubmits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{})
		events, result := p.send(t, isolate(""))
		require.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
		require.Len(t, p.ksc.Incidents(), 1)
		assert.Equal(t, "main", result.Incident.Server)
		assert.Equal(t, hostID, result.Host.ID)
		assert.Equal(t, "isolateHost", result.Undo.Task)
		assert.JSONEq(t, `{"action":0}`, string(result.Undo.Params))
		assert.Equal(t, "accepted", events[0].Type())
		assert.Equal(t, result.Incident.ID, events[len(events)-1].Progress.Incident.ID)
		assert.Equal(t, 1, p.sent("HostGroup.UpdateIncident"))
	})
}

func TestDryRunSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{})
		_, result := p.send(t, isolate(`,"dryRun":true`))
		assert.Equal(t, shared.Planned, result.Outcome)
		assert.Contains(t, result.Plan.Body, `"action":1`)
		assert.Zero(t, p.sent("Incident"))
	})
}

// TestWhatIsLost is the truth of outcomes: what may have happened is never
// called failed, and what did not happen is never called unknown.
func TestWhatIsLost(t *testing.T) {
	for _, c := range []struct {
		mischief string
		outcome  shared.Outcome
		code     shared.Code
	}{
		{"drop-before-store@HostGroup.AddIncident", shared.Unknown, ""},
		{"drop-after-store@HostGroup.AddIncident", shared.Unknown, ""},
		{"truncate@HostGroup.AddIncident", shared.Unknown, ""},
		{"html@HostGroup.AddIncident", shared.Unknown, shared.BadAnswer},
		{"gzip-broken@HostGroup.AddIncident", shared.Unknown, shared.BadAnswer},
		{"status-503@HostGroup.AddIncident", shared.Unknown, ""},
		{"store-late@HostGroup.AddIncident", shared.Unknown, ""},
		{"never@HostGroup.AddIncident", shared.Unknown, shared.Timeout},
		{"html@Session.StartSession", shared.Failed, shared.BadAnswer},
		{"never@Session.StartSession", shared.Failed, shared.Timeout},
		{"drop-after-store@HostGroup.UpdateIncident", shared.Pending, ""},
		{"swap-cert", shared.Failed, shared.TLS},
	} {
		t.Run(c.mischief, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, ksctest.Options{Mischief: map[string]float64{c.mischief: 1}, Seed: 1})
				_, result := p.send(t, isolate(`,"hostLookup":"never"`))
				require.Equal(t, c.outcome, result.Outcome, "%+v", result.Error)
				require.NotNil(t, result.Error)
				if c.code != "" {
					assert.Equal(t, c.code, result.Error.Code)
				}
				assert.LessOrEqual(t, p.sent("HostGroup.AddIncident"), 1, "an order is sent once")
			})
		})
	}
}

func TestWhatKSCRefusesHasFailed(t *testing.T) {
	for name, c := range map[string]struct {
		options ksctest.Options
		code    shared.Code
	}{
		"no right":      {ksctest.Options{Denied: []string{"HostGroup.AddIncident"}}, shared.Denied},
		"locked":        {ksctest.Options{Locked: true}, shared.Locked},
		"second factor": {ksctest.Options{SecondFactor: "123456"}, shared.SecondFactor},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, c.options)
				_, result := p.send(t, isolate(`,"hostLookup":"never"`))
				require.Equal(t, shared.Failed, result.Outcome)
				assert.Equal(t, c.code, result.Error.Code, result.Error.Message)
				assert.NotEmpty(t, result.Error.Assistance)
				assert.Empty(t, p.ksc.Incidents())
			})
		})
	}
}

func TestASessionThatEndsIsRenewedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{})
		_, result := p.send(t, isolate(""))
		require.Equal(t, shared.Submitted, result.Outcome)
		require.NoError(t, p.ksc.SetMischief(map[string]float64{"end-session@HostGroup.AddIncident": 1}))
		_, result = p.send(t, isolate(`,"hostLookup":"never"`))
		assert.Equal(t, shared.Failed, result.Outcome, "a session that never holds is no loop")
		assert.LessOrEqual(t, p.sent("HostGroup.AddIncident"), 1+3*2)
		assert.Len(t, p.ksc.Incidents(), 1)
	})
}

func TestCancelBeforeSendingSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{Latency: time.Second})
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(500*time.Millisecond, cancel)
		_, result := p.sendCtx(t, ctx, isolate(""))
		assert.Equal(t, shared.Cancelled, result.Outcome)
		assert.Zero(t, p.sent("HostGroup.AddIncident"))
	})
}

func TestCancelWhileSendingSplitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{Latency: time.Second})
		_, result := p.send(t, isolate("")) // opens the session
		require.Equal(t, shared.Submitted, result.Outcome)
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(500*time.Millisecond, cancel)
		_, result = p.sendCtx(t, ctx, isolate(`,"hostLookup":"never"`))
		assert.Equal(t, shared.Submitted, result.Outcome)
		assert.Equal(t, 2, p.sent("HostGroup.UpdateIncident"))
	})
}

func TestTimeoutBeforeSendingIsFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{Latency: time.Hour})
		_, result := p.send(t, isolate(`,"timeout":"2s"`))
		assert.Equal(t, shared.Failed, result.Outcome)
		assert.Equal(t, shared.Timeout, result.Error.Code)
		assert.Equal(t, shared.ExitLater, result.Exit())
	})
}

func TestHostsAreFoundByNameAndNeverGuessed(t *testing.T) {
	inventory := []ksctest.Host{}
	require.NoError(t, json.Unmarshal([]byte(`[
		{"id":"id-1","dn":"PC-12","fqdn":"pc-12.corp.example","netbios":"PC-12"},
		{"id":"id-2","dn":"TWIN"},{"id":"id-3","dn":"Twin"},
		{"id":"id-4","dn":"we[ir]d"}]`), &inventory))
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{Inventory: inventory})
		for _, c := range []struct{ name, lookup, id, code string }{
			{"PC-12", "auto", "id-1", ""},
			{"pc-12", "auto", "id-1", ""},
			{"pc-12.corp.example", "auto", "id-1", ""},
			{"pc-12.corp.example", "fqdn", "id-1", ""},
			{"pc-12", "fqdn", "", "host_not_found"},
			{"PC-12", "netbios", "id-1", ""},
			{"id-1", "auto", "id-1", ""},
			{"id-1", "id", "id-1", ""},
			{"PC-12", "id", "", "host_not_found"},
			{"twin", "auto", "", "host_ambiguous"},
			{"we[ir]d", "auto", "id-4", ""},
			{"wei", "auto", "", "host_not_found"},
			{"PC*", "auto", "", "host_not_found"},
			{"PC-1?", "auto", "", "host_not_found"},
			{"[P]C-12", "auto", "", "host_not_found"},
			{`x")(KLHST_WKS_DN="PC-12`, "auto", "", "host_not_found"},
			{`")(|(KLHST_WKS_DN="*`, "auto", "", "host_not_found"},
			{"*", "auto", "", "host_not_found"},
		} {
			line, err := json.Marshal(map[string]any{
				"task": "isolateHost", "targetHost": c.name, "params": map[string]int{"action": 1}, "hostLookup": c.lookup,
			})
			require.NoError(t, err)
			before := len(p.ksc.Incidents())
			_, result := p.send(t, string(line))
			if c.code != "" {
				require.Equal(t, shared.Refused, result.Outcome, "%s by %s", c.name, c.lookup)
				assert.Equal(t, c.code, string(result.Error.Code), "%s by %s", c.name, c.lookup)
				assert.Len(t, p.ksc.Incidents(), before)
				continue
			}
			require.Equal(t, shared.Submitted, result.Outcome, "%s by %s: %+v", c.name, c.lookup, result.Error)
			assert.Equal(t, c.id, result.Host.ID)
		}
	})
}

// TestEveryBrokenSampleIsRefused spoils each member of each sample in each
// way, and nothing may reach KSC.
func TestEveryBrokenSampleIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPair(t, ksctest.Options{})
		for _, one := range task.All() {
			sample := string(plugin.SampleRequest(one))
			sample = strings.Replace(sample, `"dryRun":true`, `"dryRun":false`, 1)
			for _, member := range regexp.MustCompile(`"([A-Za-z0-9]+)":`).FindAllStringSubmatch(string(one.Sample()), -1) {
				name := member[1]
				for _, broken := range []string{
					strings.Replace(sample, `"`+name+`":`, `"`+name+`x":`, 1),
					strings.Replace(sample, `"`+name+`":`, `"`+strings.ToUpper(name)+`":`, 1),
					strings.Replace(sample, `"`+name+`":`, `"`+name+`":null,"`+name+`":`, 1),
				} {
					require.NotEqual(t, sample, broken)
					_, result := p.send(t, broken)
					require.Equal(t, shared.Refused, result.Outcome, broken)
					require.NotEmpty(t, result.Error.Violations, broken)
					require.Contains(t, result.Error.Violations[0].Pointer, "/params", broken)
				}
			}
		}
		assert.Empty(t, p.ksc.Calls(), "a request that breaks the contract costs KSC nothing")
	})
}
