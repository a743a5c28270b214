package guard_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/shared"
)

// sent is what was counted, by effect and span; "" is all.
type sent struct {
	used        map[shared.Effect]map[time.Duration]int
	isolated    int
	already     bool
	outstanding int
}

var free = time.Date(2026, 11, 28, 12, 0, 0, 1, time.UTC)

func (s sent) Used(effect shared.Effect, span time.Duration, _ int) (int, time.Time) {
	return s.used[effect][span], free
}

func (s sent) Isolated(span time.Duration, _ int) (int, bool, time.Time) {
	if span != 7*24*time.Hour {
		return 0, false, free
	}
	return s.isolated, s.already, free
}

func (s sent) Outstanding(span time.Duration, _ int) (int, time.Time) {
	if span != 30*time.Minute {
		return 0, free
	}
	return s.outstanding, free
}

// TestLimits is one line for each limit and each branch of it, at its edge.
func TestLimits(t *testing.T) {
	isolates, releases := []shared.Effect{shared.Isolates}, []shared.Effect{shared.Releases}
	scans, both := []shared.Effect{shared.Scans}, []shared.Effect{shared.Scans, shared.Isolates}
	count := func(effect shared.Effect, span time.Duration, n int) sent {
		return sent{used: map[shared.Effect]map[time.Duration]int{effect: {span: n}}}
	}
	const hour, day = time.Hour, 24 * time.Hour
	few := `{"caps":[{"name":"few","reason":"r","effect":"isolates","perMinute":5,"perHour":2e1,"perDay":60.0}]}`
	all := `{"caps":[{"name":"all","reason":"r","perHour":3}]}`
	hosts := `{"isolatedHosts":{"most":2,"reason":"an outage"}}`
	quota := `{"quota":"enforce"}`
	for name, c := range map[string]struct {
		policy  string
		effects []shared.Effect
		sent    sent
		code    shared.Code // none: allowed
		says    string
	}{
		"no policy":                {`{}`, isolates, sent{isolated: 999, outstanding: 999}, "", ""},
		"the last in a minute":     {few, isolates, count(shared.Isolates, time.Minute, 4), "", ""},
		"one more in a minute":     {few, isolates, count(shared.Isolates, time.Minute, 5), shared.Cap, `cap "few" is reached: 5 requests whose effect is isolates in a minute, and 5 are allowed: r; the next is possible from 2026-11-28T12:00:01Z`},
		"the last in an hour":      {few, isolates, count(shared.Isolates, hour, 19), "", ""},
		"one more in an hour":      {few, isolates, count(shared.Isolates, hour, 20), shared.Cap, "in an hour, and 20"},
		"the last in a day":        {few, isolates, count(shared.Isolates, day, 59), "", ""},
		"one more in a day":        {few, isolates, count(shared.Isolates, day, 60), shared.Cap, "in a day, and 60"},
		"one effect of two":        {few, both, count(shared.Isolates, day, 60), shared.Cap, ""},
		"another effect":           {few, scans, count(shared.Isolates, day, 60), "", ""},
		"all":                      {all, scans, count("", hour, 3), shared.Cap, "3 requests of any kind"},
		"all, the last":            {all, scans, count("", hour, 2), "", ""},
		"all but releases":         {all, releases, count("", hour, 99), "", ""},
		"releases, if they say so": {`{"caps":[{"name":"n","reason":"r","effect":"releases","perHour":1}]}`, releases, count(shared.Releases, hour, 1), shared.Cap, ""},
		"the last host":            {hosts, isolates, sent{isolated: 1}, "", ""},
		"one more host":            {hosts, both, sent{isolated: 2}, shared.Cap, "2 hosts to be isolated at once, and 2 are: an outage; the next is possible when one of them is released, or from 2026-11-28T12:00:01Z"},
		"two hosts too many":       {hosts, isolates, sent{isolated: 3}, shared.Cap, "and 3 are: an outage; the next is possible when 2 of them are released, or from"},
		"the same host":            {hosts, isolates, sent{isolated: 2, already: true}, "", ""},
		"no isolation":             {hosts, scans, sent{isolated: 2}, "", ""},
		"the last free place":      {quota, scans, sent{outstanding: 79}, "", ""},
		"a place that is kept":     {quota, scans, sent{outstanding: 80}, shared.Quota, "80 requests to this server"},
		"it is kept for this":      {quota, isolates, sent{outstanding: 99}, "", ""},
		"no place":                 {quota, isolates, sent{outstanding: 100}, shared.Quota, "keeps 100 console tasks"},
		"no place for a release":   {quota, releases, sent{outstanding: 500}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := limited(t, c.policy).Limit(asks("a task", pc, nil, c.effects...), c.sent)
			assert.Equal(t, c.code == "", d.Allowed)
			assert.Equal(t, c.code, d.Code)
			assert.Contains(t, d.Reason, c.says)
			if c.code != "" {
				assert.NotEmpty(t, d.Rule)
				for _, p := range []guard.Policy{limited(t, c.policy).And(guard.Policy{}), (guard.Policy{}).And(limited(t, c.policy))} {
					assert.Equal(t, d, p.Limit(asks("a task", pc, nil, c.effects...), c.sent), "two policies allow no more than either")
				}
			}
		})
	}
}

// ends says of each span when fewer than most are counted.
type ends struct {
	sent
	at map[time.Duration]time.Time
}

func (e ends) Used(effect shared.Effect, span time.Duration, most int) (int, time.Time) {
	used, _ := e.sent.Used(effect, span, most)
	return used, e.at[span]
}

// TestTheLimitThatLastsLongest is the one that a caller hears of: a time at which
// another still refuses would be a lie.
func TestTheLimitThatLastsLongest(t *testing.T) {
	used := map[time.Duration]int{time.Minute: 5, time.Hour: 5, 24 * time.Hour: 5}
	at := map[time.Duration]time.Time{time.Minute: free.Add(time.Minute), time.Hour: free.Add(time.Hour), 24 * time.Hour: free.Add(time.Second)}
	counts := ends{sent{used: map[shared.Effect]map[time.Duration]int{shared.Isolates: used}, outstanding: 100}, at}
	few := limited(t, `{"caps":[{"name":"few","reason":"r","effect":"isolates","perMinute":5,"perHour":5,"perDay":5}],"quota":"enforce"}`)
	day := limited(t, `{"caps":[{"name":"day","reason":"r","effect":"isolates","perDay":1}]}`)
	for _, p := range []guard.Policy{few, few.And(day), day.And(few)} {
		d := p.Limit(asks("a task", pc, nil, shared.Isolates), counts)
		assert.Equal(t, "few", d.Rule)
		assert.Contains(t, d.Reason, "in an hour, and 5 are allowed: r; the next is possible from 2026-11-28T13:00:01Z")
	}
}

func limited(t *testing.T, text string) guard.Policy {
	t.Helper()
	p, flaws := limits(t, text)
	require.Empty(t, flaws)
	return p
}

func limits(t *testing.T, text string) (guard.Policy, []shared.Violation) {
	t.Helper()
	var f guard.File
	require.NoError(t, json.Unmarshal([]byte(text), &f))
	return guard.New(f)
}

func TestLimitsThatCannotBeMeant(t *testing.T) {
	for text, pointer := range map[string]string{
		`{"caps":[{"name":"a","reason":"r"}]}`:                                                 "/caps/0",
		`{"caps":[{"name":"a","reason":"r","perDay":1},{"name":"a","reason":"r","perDay":1}]}`: "/caps/1/name",
		`{"isolatedHosts":{"most":1,"reason":"r","countedFor":"59m59s"}}`:                      "/isolatedHosts/countedFor",
		`{"isolatedHosts":{"most":1,"reason":"r","countedFor":"9600h1s"}}`:                     "/isolatedHosts/countedFor",
	} {
		_, flaws := limits(t, text)
		if assert.Len(t, flaws, 1, text) {
			assert.Equal(t, pointer, flaws[0].Pointer)
		}
	}
	limited(t, `{"isolatedHosts":{"most":1,"reason":"r","countedFor":"1h"}}`)
	limited(t, `{"isolatedHosts":{"most":1,"reason":"r","countedFor":"9600h"}}`)
}
