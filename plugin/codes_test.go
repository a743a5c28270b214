package plugin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
)

// way is how a code comes about: the real plugin against the emulator.
type way struct {
	options ksctest.Options
	change  func(*testing.T, *site, *plugin.Config)
	line    string                                  // "" is an isolation that looks up no host
	ask     func(*testing.T, process) shared.Result // nil sends the line
	outcome shared.Outcome
	exit    int
	assists string // in what a person is told to do
}

func mischief(knob string) ksctest.Options {
	return ksctest.Options{Mischief: map[string]float64{knob: 1}, Seed: 1}
}

func dialing(dial func(context.Context, string, string) (net.Conn, error)) func(*testing.T, *site, *plugin.Config) {
	return changing(func(c *ksc.Config) { c.Dial = dial })
}

func changing(change func(*ksc.Config)) func(*testing.T, *site, *plugin.Config) {
	return func(_ *testing.T, _ *site, p *plugin.Config) {
		c := p.Servers["main"]
		change(&c)
		p.Servers = map[string]ksc.Config{"main": c}
	}
}

// ways are one for each code that this build gives, by the plugin itself or by
// JSON lines before it.
func ways() map[shared.Code]way {
	twins := ksctest.Options{Inventory: []ksctest.Host{{ID: "id-1", DN: "TWIN"}, {ID: "id-2", DN: "TWIN"}}}
	return map[shared.Code]way{
		shared.BadRequest:    {line: unkeyed("1", "isolateHost", `{"action":2}`), outcome: shared.Refused, exit: 65, assists: "Mend what is named here"},
		shared.DuplicateID:   {options: ksctest.Options{Latency: time.Second}, ask: twiceAtOnce, outcome: shared.Refused, exit: 65, assists: "an id of its own"},
		shared.HostNotFound:  {options: twins, line: named("PC-13"), outcome: shared.Refused, exit: 65, assists: "Check the name"},
		shared.HostAmbiguous: {options: twins, line: named("twin"), outcome: shared.Refused, exit: 65, assists: "with the id of the one you mean"},
		shared.Policy: {change: func(t *testing.T, _ *site, c *plugin.Config) {
			under(t, guard.File{Deny: []guard.Rule{{Name: "none", Reason: "no", Effects: []shared.Effect{shared.Isolates}}}})(c)
		}, outcome: shared.Refused, exit: 3, assists: "policy"},
		shared.Cap:   {change: afterwards(guard.File{Caps: []guard.Cap{{Name: "one", Reason: "no", PerDay: 1}}}, 1), outcome: shared.Refused, exit: 75, assists: "when it is possible"},
		shared.Quota: {change: afterwards(guard.File{Quota: guard.Enforce}, guard.QuotaPlaces), outcome: shared.Refused, exit: 75, assists: "when some tasks have finished"},
		shared.Suspended: {change: func(t *testing.T, s *site, _ *plugin.Config) {
			j, err := journal.Open(t.Context(), s.dir, journal.Options{User: "night shift"})
			require.NoError(t, err)
			require.NoError(t, j.Suspend(t.Context(), "rule 17"))
			require.NoError(t, j.Close())
		}, outcome: shared.Refused, exit: 3, assists: "resume"},
		shared.Journal: {change: func(t *testing.T, s *site, _ *plugin.Config) {
			require.NoError(t, os.WriteFile(s.dir, nil, 0o600)) // where its directory would be
		}, outcome: shared.Refused, exit: 75, assists: "directory"},
		shared.Unreachable: {change: dialing(func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		}), outcome: shared.Failed, exit: 69, assists: "kscPort"},
		shared.TLS:            {options: mischief("swap-cert"), outcome: shared.Failed, exit: 69, assists: "kscCert"},
		shared.Login:          {change: changing(func(c *ksc.Config) { c.Password = "wrong" }), outcome: shared.Failed, exit: 77, assists: "kscPassword"},
		shared.Locked:         {options: ksctest.Options{Locked: true}, outcome: shared.Failed, exit: 77, assists: "unblock it in KSC"},
		shared.SecondFactor:   {options: ksctest.Options{SecondFactor: "123456"}, outcome: shared.Failed, exit: 77, assists: "two-step verification"},
		shared.Denied:         {options: ksctest.Options{Denied: []string{addMethod}}, outcome: shared.Failed, exit: 77, assists: "What " + addMethod + " may need (not confirmed): Write"},
		shared.KSCUnavailable: {options: mischief("starting@" + addMethod), outcome: shared.Failed, exit: 69, assists: "try again in a minute"},
		shared.KSCLimit:       {options: mischief("limit@" + addMethod), outcome: shared.Failed, exit: 1, assists: "look in KSC which"},
		shared.KSCError:       {options: mischief("unknown-error@" + addMethod), outcome: shared.Failed, exit: 1, assists: "Read the message"},
		shared.BadAnswer:      {options: mischief("html@Session.StartSession"), outcome: shared.Failed, exit: 1, assists: "proxy"},
		shared.Timeout:        {options: ksctest.Options{Latency: time.Hour}, outcome: shared.Failed, exit: 75, assists: "longer timeout"},
		shared.CancelledCode:  {options: ksctest.Options{Latency: time.Hour}, ask: takenBack, outcome: shared.Cancelled, exit: 6, assists: "if it is still wanted"},
		shared.TaskFailed:     {options: courses("fail"), change: following, line: toTheEnd, outcome: shared.Failed, exit: 1, assists: "consoleTask"},
		shared.TaskAmbiguous:  {options: courses("ok", "forged"), change: following, line: toTheEnd, outcome: shared.Pending, exit: 4, assists: "marker: true"},
		shared.TaskLost:       {options: courses("never"), change: following, ask: rotatedAway, outcome: shared.Unknown, exit: 5, assists: "Do not take it for done"},
		shared.CarrierLost:    {options: mischief("never@" + addMethod), ask: cutOff, outcome: shared.Unknown, exit: 5, assists: "Look in the console"},
		shared.Internal:       {options: mischief("never@" + addMethod), ask: leftBehind, outcome: shared.Unknown, exit: 5, assists: "status"},
	}
}

// courses are console tasks that end so, and are odd in these ways.
func courses(outcome string, odd ...string) ksctest.Options {
	return ksctest.Options{Tasks: ksctest.TaskOptions{Outcome: outcome, Oddities: odd}}
}

func following(_ *testing.T, _ *site, c *plugin.Config) { c.FollowCalls = plugin.DefaultFollowCalls }

// toTheEnd is an isolation that waits for what the host does.
const toTheEnd = `{"id":"1","task":"isolateHost","targetHost":"` + hostID + `","hostLookup":"never","params":{"action":1},"wait":"done"}`

// rotatedAway lets a hundred others take the place of the console task.
func rotatedAway(t *testing.T, p process) shared.Result {
	time.AfterFunc(time.Minute, func() {
		for range 100 {
			p.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] getFile - 1 - 1", Host: "another"})
		}
	})
	_, result := p.send(t, toTheEnd)
	return result
}

// afterwards puts a policy before a ledger that has taken requests already.
func afterwards(f guard.File, many int) func(*testing.T, *site, *plugin.Config) {
	return func(t *testing.T, s *site, c *plugin.Config) {
		under(t, f)(c)
		j, err := journal.Open(t.Context(), s.dir, journal.Options{User: "day shift"})
		require.NoError(t, err)
		for range many {
			_, _, err := j.Claim(t.Context(), journal.Entry{ID: `"1"`, Server: "main", Task: "getFile", Effects: []shared.Effect{shared.Reads}, Allowed: true}, nil)
			require.NoError(t, err)
		}
		require.NoError(t, j.Close())
	}
}

// elsewhere are codes that another carrier alone gives: the test that brings
// each about.
func elsewhere() map[shared.Code]string {
	return map[shared.Code]string{
		shared.Busy: "../cmd/kes-respond/busy_unix_test.go", // a plugin of go-plugin that leaves
	}
}

func named(host string) string {
	return `{"id":"1","task":"isolateHost","targetHost":"` + host + `","params":{"action":1}}`
}

// TestEveryCode brings each code about that this build gives. What ends as
// failed, refused or cancelled has left nothing in KSC.
func TestEveryCode(t *testing.T) {
	exits := exitsOfTheSpecification(t)
	for code, w := range ways() {
		t.Run(string(code), func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, w.options)
				p := s.start(t, nil, func(c *plugin.Config) {
					if w.change != nil {
						w.change(t, s, c)
					}
				})
				var result shared.Result
				if w.ask != nil {
					result = w.ask(t, p)
				} else if w.line != "" {
					_, result = p.send(t, w.line)
				} else {
					_, result = p.send(t, unkeyed("1", "isolateHost", `{"action":1}`))
				}
				require.NotNil(t, result.Error, result.Outcome)
				assert.Equal(t, code, result.Error.Code, result.Error.Message)
				assert.Equal(t, w.outcome, result.Outcome)
				assert.Equal(t, w.exit, result.Exit())
				assert.NotEmpty(t, result.Error.Message)
				require.NotEmpty(t, result.Error.Assistance, "what can a person do?")
				assert.Contains(t, result.Error.Assistance, w.assists)
				switch w.outcome {
				case shared.Failed, shared.Refused:
					assert.Equal(t, exits[code], result.Exit(), "the specification says otherwise")
					fallthrough
				case shared.Cancelled:
					if code != shared.DuplicateID && code != shared.TaskFailed { // where the first under the id was sent
						require1(t, s, 0)
					}
				}
			})
		})
	}
}

// TestNoCodeIsForgotten: the codes that are brought about are all that the
// specification explains, but for those of which it says that this build never
// gives them. That it explains all that there are, and that the sentence is
// true, is compared with the source in package shared.
func TestNoCodeIsForgotten(t *testing.T) {
	specification := readSpecification(t)
	_, never, found := strings.Cut(specification, "It never gives the code")
	require.True(t, found)
	never, _, found = strings.Cut(never, "; a caller")
	require.True(t, found)
	want := exitsOfTheSpecification(t)
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(never, -1) {
		require.Contains(t, want, shared.Code(m[1]))
		delete(want, shared.Code(m[1]))
	}
	given := slices.Collect(maps.Keys(ways()))
	for code, path := range elsewhere() {
		given = append(given, code)
		source, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Regexp(t, `(?m)^func Test`, string(source))
		assert.Contains(t, string(source), "assert.Equal(t, shared."+map[shared.Code]string{shared.Busy: "Busy"}[code]+",")
	}
	assert.ElementsMatch(t, slices.Collect(maps.Keys(want)), given, "each code has one row")
}

func readSpecification(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "shared", "PROTOCOL.md"))
	require.NoError(t, err)
	return string(text)
}

// exitsOfTheSpecification are the codes that PROTOCOL.md explains, and the exit
// code of each where it has failed or is refused.
func exitsOfTheSpecification(t *testing.T) map[shared.Code]int {
	t.Helper()
	_, section, found := strings.Cut(readSpecification(t), "\n| Code | Means | What to do | Exit code |\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n\n")
	exits := map[shared.Code]int{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| .+ \\| .+ \\| (\\d+) \\|$").FindAllStringSubmatch(section, -1) {
		exit, err := strconv.Atoi(m[2])
		require.NoError(t, err)
		exits[shared.Code(m[1])] = exit
	}
	require.Equal(t, strings.Count(section, "\n| `"), len(exits), "a row that cannot be read")
	return exits
}

func takenBack(t *testing.T, p process) shared.Result {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	_, result := p.sendCtx(t, ctx, unkeyed("1", "isolateHost", `{"action":1}`))
	return result
}

// lines serves a plugin as JSON lines. cut breaks both streams.
func lines(t *testing.T, ctx context.Context, p process) (client *jsonl.Client, served chan error, cut func()) {
	requests, asking := io.Pipe()
	hearing, events := io.Pipe()
	served = make(chan error, 1)
	go func() {
		served <- jsonl.Serve(ctx, p, requests, events, jsonl.Options{Grace: 2 * time.Second})
		events.Close()
		requests.Close()
	}()
	client, err := jsonl.NewClient(t.Context(), hearing, asking)
	require.NoError(t, err)
	return client, served, func() { events.Close(); asking.Close() }
}

// beingSent hands a request to a client, and waits until it is on its way to
// KSC, which does not answer.
func beingSent(t *testing.T, client *jsonl.Client) chan shared.Result {
	r, refusal := shared.ParseRequest([]byte(unkeyed("1", "isolateHost", `{"action":1}`)))
	require.Nil(t, refusal)
	results := make(chan shared.Result, 1)
	go func() { results <- client.Respond(t.Context(), r, func(shared.Event) {}) }()
	synctest.Wait()
	return results
}

func twiceAtOnce(t *testing.T, p process) shared.Result {
	client, served, _ := lines(t, t.Context(), p)
	first := beingSent(t, client)
	second := <-beingSent(t, client)
	assert.Equal(t, shared.Submitted, (<-first).Outcome, "it runs on")
	require.Len(t, p.ksc.Incidents(), 1)
	require.NoError(t, client.Close(t.Context()))
	require.NoError(t, <-served)
	return second
}

func cutOff(t *testing.T, p process) shared.Result {
	client, served, cut := lines(t, t.Context(), p)
	results := beingSent(t, client)
	cut()
	assert.Error(t, <-served)
	return <-results
}

func leftBehind(t *testing.T, p process) shared.Result {
	ctx, leave := context.WithCancel(t.Context())
	client, served, _ := lines(t, ctx, p)
	results := beingSent(t, client)
	leave()
	assert.ErrorIs(t, <-served, jsonl.ErrAbandoned)
	client.Close(t.Context()) //nolint:errcheck // whether it has heard of the end is a matter of luck
	return <-results
}

// TestTheRightIsNamed: for each method that a request can be refused at, and
// beside what is said of a request that KSC has stored.
func TestTheRightIsNamed(t *testing.T) {
	for method, right := range map[string]string{
		"Session.StartSession": "leave to log in", "HostGroup.GetHostInfo": "Read in Basic functionality", "HostGroup.FindHosts": "Read in Basic functionality",
		addMethod: "Write", updateMethod: "Write",
	} {
		t.Run(method, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newPair(t, ksctest.Options{Denied: []string{method}, Inventory: []ksctest.Host{{ID: "id-1", DN: "PC-12"}}})
				_, result := p.send(t, named("PC-12"))
				require.NotNil(t, result.Error, result.Outcome)
				require.Equal(t, shared.Denied, result.Error.Code)
				assert.Contains(t, result.Error.Assistance, "What "+method+" may need (not confirmed): "+right)
				assert.Equal(t, &shared.Upstream{Module: "KLSTD", Code: 1184, Message: result.Error.Upstream.Message}, result.Error.Upstream)
				if method == updateMethod {
					assert.Equal(t, shared.Pending, result.Outcome)
					assert.True(t, strings.HasPrefix(result.Error.Assistance, "KSC has stored it: "), "what must not be done comes first")
				}
				data, err := json.Marshal(result.Error)
				require.NoError(t, err)
				assert.NotContains(t, string(data), "wörd", "no password")
			})
		})
	}
}
