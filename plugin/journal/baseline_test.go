package journal

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// ids are so many of so many bytes, all different.
func ids(n, size int) (list []string) {
	for i := range n {
		list = append(list, fmt.Sprintf("%0*d", size, i))
	}
	return list
}

func withBaseline(e Entry, b Baseline) Entry {
	e.Baseline, e.Marked = &b, true
	return e
}

// TestABaselineIsRecorded with the claim, as it was; and dropped where it is
// more than KSC has, or than fits.
func TestABaselineIsRecorded(t *testing.T) {
	dir := newDir(t)
	j := open(t, dir)
	for name, b := range map[string]Baseline{
		"of a usual host":    {Tasks: ids(30, 5), Local: ids(20, 3), LocalRead: true},
		"empty":              {Tasks: []string{}, Local: []string{}},
		"as many as may be":  {Tasks: ids(1000, 8), Local: ids(1000, 14)},
		"as long as may be":  {Tasks: ids(1, maxTaskID)},
		"in other letters":   {Tasks: []string{strings.Repeat("ä", maxTaskID/2)}},
		"that is never read": {},
	} {
		c := j.mustClaim(t, withBaseline(isolating(name), b))
		assert.Equal(t, &b, c.Record().Baseline, name)
		r := bySeq(t, open(t, dir), c.Record().Seq)
		assert.Equal(t, &b, r.Baseline, name)
		assert.True(t, r.Marked)
		require.NoError(t, c.Sending(t.Context(), added))
	}
	for name, b := range map[string]Baseline{
		"too many":          {Tasks: ids(1001, 4), Local: ids(1000, 4)},
		"one too long":      {Tasks: ids(2, 4), Local: ids(1, maxTaskID+1), LocalRead: true},
		"more than a line":  {Tasks: ids(1000, maxTaskID)},
		"not a text":        {Tasks: []string{"1\xff"}},
		"wide in its bytes": {Tasks: slicesOf(strings.Repeat("ä", maxTaskID/2), 500)},
	} {
		r := j.mustClaim(t, withBaseline(isolating(name), b)).Record()
		assert.Nil(t, r.Baseline, name)
		assert.True(t, bySeq(t, j, r.Seq).Marked, name)
	}
	sound(t, j, nil)
}

func slicesOf(s string, n int) (list []string) {
	for range n {
		list = append(list, s)
	}
	return list
}

// TestABaselineStandsInTheClaimAlone: neither what was refused, nor what another
// request answers, nor a later line has it.
func TestABaselineStandsInTheClaimAlone(t *testing.T) {
	j := open(t, newDir(t))
	e := withBaseline(keyed(isolating("1"), "1"), Baseline{Tasks: ids(3, 3)})
	r := left(t, j, e, shared.Submitted)
	require.NoError(t, j.Matched(t.Context(), r.Seq, task("17")))
	j.mustPrior(t, e)
	refused := e
	refused.IdempotencyKey, refused.Allowed = "2", false
	_, _, err := j.Claim(t.Context(), refused, nil)
	require.NoError(t, err)
	_, err = j.Finished(t.Context(), r.Seq, shared.Succeeded, "", "", task("17"))
	require.NoError(t, err)
	assert.Equal(t, 1, bytes.Count(readFile(t, j.dir, segmentName(1)), []byte(`"baseline"`)))
	for _, r := range all(t, j, Filter{}) {
		assert.Equal(t, r.Outcome == shared.Succeeded, r.Baseline != nil, "%+v", r)
	}
}

// TestAClaimWithoutIsAsItWas: programs of before wrote the same line, so that
// theirs are read.
func TestAClaimWithoutIsAsItWas(t *testing.T) {
	j := open(t, newDir(t))
	left(t, j, isolating("1"), shared.Submitted)
	for _, word := range []string{"baseline", "marked", "consoleTask"} {
		assert.NotContains(t, string(readFile(t, j.dir, segmentName(1))), word)
	}
}

// TestTheWorstMatchIsRecorded: of the longest entry that the contract lets
// through, with the longest baseline that is kept beside it, and all that KSC
// can say of a console task.
func TestTheWorstMatchIsRecorded(t *testing.T) {
	j := open(t, newDir(t), func(o *Options) { o.User, o.PID = strings.Repeat("\U0001f512", 32), math.MaxInt32 })
	kept := 0
	for n := range 60 { // from what is surely kept to what surely is not
		e := withBaseline(worst(), Baseline{Tasks: ids(n*40, 4), LocalRead: true})
		e.IdempotencyKey = string([]rune(e.IdempotencyKey)[1:]) + string(rune('0'+n))
		c := j.mustClaim(t, e)
		if c.Record().Baseline != nil {
			kept = n * 40
		}
	}
	t.Logf("%d ids of four digits are kept", kept)
	assert.Greater(t, kept, 200)
	assert.Less(t, kept, maxBaseline)

	r := left(t, j, isolating("1"), shared.Pending)
	long, far := strings.Repeat("\x7f", 4<<10), time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := added.Add(time.Nanosecond).In(time.FixedZone("", 3600))
	r, err := j.Finished(t.Context(), r.Seq, shared.Failed, shared.ApprovalRequired, long, shared.ConsoleTask{
		ID: strings.Repeat("\x7f", maxTaskID), Name: long, State: long, Description: long, StartedAt: &at, FinishedAt: &far,
	})
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat("\x7f", maxTaskDescription)+"…", r.ConsoleTask.Description)
	assert.Equal(t, []any{maxTaskName + 3, maxTaskState + 3, added, (*time.Time)(nil)},
		[]any{len(r.ConsoleTask.Name), len(r.ConsoleTask.State), *r.ConsoleTask.StartedAt, r.ConsoleTask.FinishedAt})
	assert.Equal(t, r, bySeq(t, j, r.Seq))
	_, found, err := j.ByConsoleTask(t.Context(), "main", "", strings.Repeat("\x7f", maxTaskID))
	require.NoError(t, err)
	assert.True(t, found)
	for raw := range bytes.Lines(readFile(t, j.dir, segmentName(1))) {
		require.LessOrEqual(t, len(raw), maxLine)
	}
	sound(t, j, nil)
}
