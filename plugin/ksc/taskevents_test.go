package ksc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// events answers with these records, each without its envelope.
func events(records ...string) func(seen, int) reply {
	var all []string
	for _, r := range records {
		all = append(all, `{"type":"params","value":{`+r+`}}`)
	}
	return except("EventProcessing.GetRecordRange", ok(`{"pParamsEvents":{"KLEVP_EVENT_RANGE_ARRAY":[`+strings.Join(all, ",")+`]}}`))
}

func eventAt(second, number, state int) string {
	return fmt.Sprintf(`"event_type":"KLPRCI_TaskState","task_new_state":%d,"event_db_id":{"type":"long","value":"%d"},"rise_time":{"type":"datetime","value":"2026-11-25T09:00:%02dZ"}`, state, number, second)
}

// TestEventsAreInOrder, whichever order KSC gives them in, and the latest are
// kept, whether or not its range holds one more.
func TestEventsAreInOrder(t *testing.T) {
	for _, records := range [][]string{
		{eventAt(1, 1, 0), eventAt(2, 2, 1), eventAt(2, 3, 4)},
		{eventAt(2, 3, 4), eventAt(2, 2, 1), eventAt(1, 1, 0)},
		{eventAt(2, 2, 1), eventAt(1, 1, 0), eventAt(2, 3, 4)},
	} {
		for most, states := range map[int][]int{-1: nil, 1: nil, 2: {1, 4}, 3: {0, 1, 4}, 5000: {0, 1, 4}} {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, events(records...))
				all, err := client(t, server.Dial).TaskEvents(t.Context(), "195", hostID, most)
				if states == nil {
					assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind, "more than were asked for")
					return
				}
				require.NoError(t, err)
				var got []int
				for _, e := range all {
					got = append(got, e.NewState)
				}
				assert.Equal(t, states, got)
				assert.Contains(t, server.calls("EventProcessing.GetRecordRange")[0].body, fmt.Sprintf(`"nEnd":%d,`, min(most, 500)))
			})
		}
	}
}

// TestWhatAnEventSays: of this host only, printable, and nothing that is not
// there.
func TestWhatAnEventSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, events(
			`"hostname":"another",`+eventAt(1, 1, 3),
			`"hostname":"`+strings.ToUpper(hostID)+`","GNRL_EA_SEVERITY":3,"event_type_display_name":"a\tb","GNRL_EA_DESCRIPTION":"\u001b[2J`+strings.Repeat("x", 2000)+`",`+eventAt(2, 2, 1),
			`"event_type":"GNRL_EV_OBJECT_FOUND"`,
			`"other":1`,
		))
		all, err := client(t, server.Dial).TaskEvents(t.Context(), "195", hostID, 10)
		require.NoError(t, err)
		require.Len(t, all, 2)
		assert.Equal(t, ksc.TaskEvent{Type: "GNRL_EV_OBJECT_FOUND"}, all[0], "without a time it is the oldest")
		assert.Equal(t, "[2J"+strings.Repeat("x", 996)+"…", all[1].Description)
		all[1].Description = ""
		assert.Equal(t, ksc.TaskEvent{
			Type: "KLPRCI_TaskState", DisplayName: "a b", NewState: 1, StateKnown: true, Severity: 3, At: time.Date(2026, 11, 25, 9, 0, 2, 0, time.UTC),
		}, all[1])
	})
}

// TestEventsTooLongToRead are said to be so.
func TestEventsTooLongToRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, events(`"GNRL_EA_DESCRIPTION":"`+strings.Repeat("x", 1<<20)+`"`))
		_, err := client(t, server.Dial).TaskEvents(t.Context(), "195", hostID, 10)
		assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind)
		assert.Len(t, server.calls("EventProcessing.ReleaseIterator"), 1)
	})
}
