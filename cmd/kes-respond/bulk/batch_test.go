package bulk

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// TestWhatSurelyWasNotSentIsSentAgain by the next run of a batch, and nothing else:
// a refusal under a claim is one of a ledger that could not go on.
func TestWhatSurelyWasNotSentIsSentAgain(t *testing.T) {
	for _, c := range []struct {
		record journal.Record
		again  bool
	}{
		{journal.Record{Stage: journal.Claimed, Outcome: shared.Failed}, true},
		{journal.Record{Stage: journal.Sending, Outcome: shared.Failed}, true},
		{journal.Record{Stage: journal.Claimed, Outcome: shared.Cancelled}, true},
		{journal.Record{Stage: journal.Claimed, Outcome: shared.Refused}, true},
		{journal.Record{Stage: journal.Claimed}, false}, // its own key carries it on
		{journal.Record{Stage: journal.Sending, MayBeSent: true}, false},
		{journal.Record{Stage: journal.Sending, Outcome: shared.Unknown, MayBeSent: true}, false},
		{journal.Record{Stage: journal.Updated, Incident: 7, Outcome: shared.Submitted}, false},
		{journal.Record{Stage: journal.Stored, Incident: 7, Outcome: shared.Pending}, false},
		{journal.Record{Stage: journal.Updated, Incident: 7, Outcome: shared.Failed}, false},
	} {
		assert.Equal(t, c.again, surelyUnsent(c.record), "%+v", c.record)
	}
}

// TestABatchWithoutANameIsNotGoneOnWithForEver since the same command on another
// day may be meant anew: hosts that were released meanwhile must not pass for
// isolated because a list that holds one more was carried out in part.
func TestABatchWithoutANameIsNotGoneOnWithForEver(t *testing.T) {
	sent := func(ago time.Duration) key {
		return key{earlier: &journal.Record{At: time.Now().Add(-ago), Stage: journal.Updated, Incident: 7, Outcome: shared.Submitted}}
	}
	begun := key{earlier: &journal.Record{At: time.Now().Add(-48 * time.Hour), Stage: journal.Claimed}}
	for name, c := range map[string]struct {
		batch string
		keys  []key
		says  string
	}{
		"new":                   {keys: []key{{}, {}}},
		"begun, nothing sent":   {keys: []key{begun, {}}},
		"a moment ago":          {keys: []key{sent(2 * time.Hour), sent(goneOnWith - time.Minute), {}}},
		"named":                 {batch: "b", keys: []key{sent(48 * time.Hour), {}}},
		"yesterday":             {keys: []key{sent(25 * time.Hour), sent(goneOnWith + time.Minute), {}}, says: "2 of the 3 targets were sent between "},
		"all of it":             {keys: []key{sent(time.Minute)}, says: "the same was asked for all 1 targets"},
		"all of it, and a name": {batch: "b", keys: []key{sent(time.Minute)}},
	} {
		t.Run(name, func(t *testing.T) {
			b := &bulk{Order: Order{Batch: c.batch, Targets: make([]targets.Target, len(c.keys))}, batch: "batch-1", keys: c.keys}
			err := b.fresh()
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.says)
			assert.ErrorContains(t, err, "--batch batch-1")
		})
	}
}
