//go:build unix

package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// asked is what KSC was asked for because of one request.
type asked struct {
	bodies []string
	hosts  []string
}

// check holds what KSC was asked against what was requested and answered.
func (r *hostileRun) check() {
	t := r.t
	t.Helper()
	require.NoError(t, r.record.bad)
	byNumber := r.attribute()
	harmless, came, failed := map[string]string{}, map[string]int{}, 0
	for _, a := range r.asks {
		got := byNumber[a.number]
		if a.field == "" && len(got.bodies) == 1 {
			harmless[a.task] = got.bodies[0]
		}
	}
	for _, a := range r.asks {
		if failed == 10 {
			t.Fatal("and more")
		}
		ok := r.one(a, byNumber[a.number], harmless[a.task])
		if !ok {
			failed++
		}
		if len(byNumber[a.number].bodies) == 1 {
			came[a.field]++
		}
	}
	t.Logf("%d requests; that came through, by field: %v", len(r.asks), came)
	for _, f := range hostileFields() {
		switch f[1] {
		case "server", "task", "params.md5hash", "params.sha256hash", "params.hash", "params.ioc": // of a form that hardly any value has
		default:
			if len(r.asks) >= 3000 {
				assert.Positive(t, came[f[1]], "no value of %s came through, so nothing is shown of it", f[1])
			}
		}
	}
}

// attribute finds the request of each call, and refuses calls that none of them
// could have made.
func (r *hostileRun) attribute() map[int]asked {
	t := r.t
	t.Helper()
	hosts := map[string]bool{}
	for _, a := range r.asks {
		hosts[a.name()] = true
	}
	all, numbers, added := map[int]asked{}, map[int64]int{}, 0
	looked, sent := map[string]bool{}, map[string]bool{} // hosts whose console tasks were read, and that were sent something
	for _, c := range r.record.calls {
		var body struct {
			ID     int64  `json:"nId"`
			Filter string `json:"wstrFilter"`
			Host   string `json:"strHostName"`
			Data   struct {
				Host string `json:"KLHST_WKS_HOSTNAME"`
				Body string `json:"KLINCDT_BODY"`
			} `json:"pData"`
		}
		require.NoError(t, json.Unmarshal([]byte(c.Body), &body), "%.300s", c.Body)
		switch method := strings.TrimPrefix(c.Path, "/api/v1.0/"); method {
		case "Session.StartSession", "Session.EndSession", "Session.Ping", "ConEvents.IsAnyServiceConsoleAvailable":
		case "Tasks.GetAllTasksOfHost":
			looked[body.Host] = true
		case "HostGroup.AddIncident":
			number, ok := numberOf(body.Data.Host, body.Data.Body)
			require.True(t, ok, "nobody asked for %.500s", c.Body)
			added++
			one := all[number]
			sent[body.Data.Host] = true
			one.bodies, one.hosts = append(one.bodies, body.Data.Body), append(one.hosts, body.Data.Host)
			all[number] = one
		case "HostGroup.UpdateIncident":
			numbers[body.ID]++
			assert.Equal(t, 1, numbers[body.ID], "an incident was changed twice")
		case "HostGroup.GetHostInfo":
			assert.True(t, hosts[body.Host], "nobody asked about the host %q", body.Host)
		case "HostGroup.FindHosts":
			attributes, text, err := nameFilter(body.Filter)
			if assert.NoError(t, err, "%q", body.Filter) {
				assert.True(t, hosts[text], "nobody asked about the host %q", text)
				assert.Subset(t, []string{"KLHST_WKS_DN", "KLHST_WKS_FQDN", "KLHST_WKS_DNSNAME", "KLHST_WKS_WINHOSTNAME"}, attributes)
			}
		default:
			assert.Fail(t, "a call that none of the requests needs", "%s", method)
		}
	}
	assert.Len(t, numbers, added, "incidents without their second step")
	for host := range looked {
		assert.True(t, sent[host] || hosts[host], "nobody asked about the host %q", host)
	}
	return all
}

// one holds what became of one request against what may have.
func (r *hostileRun) one(a ask, got asked, harmless string) bool {
	t, answer := r.t, r.answers[a.number]
	says := func(ok bool, message string) bool {
		if !ok {
			assert.Fail(t, message, "%s %s %.300q (as JSON %.300s)\nheard: %s\nasked for: %.600q %.200q", a.task, a.field, a.value.text, a.value.literal, answer, got.bodies, got.hosts)
		}
		return ok
	}
	if answer.said == "cannot be said" {
		return says(len(got.bodies) == 0, "sent by nobody")
	}
	if len(got.bodies) == 0 {
		if a.field == "" {
			return says(false, "the harmless request was refused")
		}
		return says(answer.refused(), "nothing was sent, and nobody hears why")
	}
	if !says(a.field == "" || !leftOver(a.value.text), "what a template or a lost character left was sent") ||
		!says(len(got.bodies) == 1, "sent more than once") ||
		!says(answer.submitted(), "it was sent, and the caller hears something else") {
		return false
	}
	wanted, err := a.wanted(harmless)
	require.NoError(t, err)
	var body any
	if !says(json.Unmarshal([]byte(got.bodies[0]), &body) == nil, "the body is no JSON") {
		return false
	}
	return says(assert.ObjectsAreEqual(wanted, body), "the body says something else") &&
		says(got.hosts[0] == a.host(), "another host") &&
		says(tokens(got.bodies[0]) == tokens(harmless), "the body has more in it")
}

// leftOver says that a value was lost on the way to us: what is left of it is
// nobody's order.
func leftOver(text string) bool {
	return !utf8.ValidString(text) || strings.Contains(text, "{{.") || strings.Contains(text, "<no value>") || strings.ContainsAny(text, "\x00\ufffd")
}

// tokens counts what JSON is made of: a member that stands twice is one more.
func tokens(text string) (n int) {
	for d := json.NewDecoder(strings.NewReader(text)); ; n++ {
		if _, err := d.Token(); err != nil {
			return n
		}
	}
}

func (a answer) String() string {
	text, _ := json.Marshal(map[string]any{"result": a.result, "problem": a.problem, "said": a.said, "code": a.code})
	return string(text[:min(len(text), 1500)])
}

// refused says that the caller was told that nothing was sent, why, and what to
// do about it.
func (a answer) refused() bool {
	switch {
	case a.problem != nil:
		return a.problem.Code != "" && a.problem.Message != "" && a.problem.Assistance != ""
	case a.result != nil:
		e := a.result.Error
		return (a.result.Outcome == shared.Refused || a.result.Outcome == shared.Failed) && e != nil && e.Code != "" && e.Message != "" && e.Assistance != ""
	}
	return a.code != 0 && strings.TrimSpace(a.said) != ""
}

func (a answer) submitted() bool {
	if a.result != nil {
		return a.result.Outcome == shared.Submitted
	}
	return a.problem == nil && a.code == 0 && strings.Contains(a.said, "submitted: ")
}

// ours says that each line of a text is one of ours, and that no value in it
// moves the cursor, turns the direction of text around or begins a line.
func ours(t *testing.T, text []byte, begins ...string) {
	t.Helper()
	assert.True(t, utf8.Valid(text), "%.500q", text)
	for line := range strings.Lines(string(text)) {
		line, whole := strings.CutSuffix(line, "\n")
		assert.True(t, whole, "the last line has no end: %.500q", line)
		assert.False(t, strings.ContainsFunc(line, func(c rune) bool {
			return unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp)
		}), "%.500q", line)
		known := false
		for _, b := range begins {
			known = known || strings.HasPrefix(line, b)
		}
		assert.True(t, known, "no line of ours: %.500q", line)
	}
}

// unforged says that no value in a text moves the cursor or turns the direction
// of text around.
func unforged(t *testing.T, text []byte, about any) {
	t.Helper()
	assert.True(t, utf8.Valid(text), "%.500q %q", text, about)
	assert.False(t, strings.ContainsFunc(string(text), func(c rune) bool {
		return c != '\n' && (unicode.IsControl(c) || unicode.In(c, unicode.Cf, unicode.Zl, unicode.Zp))
	}), "%.500q %q", text, about)
}
