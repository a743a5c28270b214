package ksc_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// TestTaskStates: their names, and which of them end a console task.
func TestTaskStates(t *testing.T) {
	for number, name := range map[ksc.TaskState]string{
		0: "unknown", 1: "pending", 2: "running", 4: "completed", 8: "completed with warning", 16: "failed", 32: "scheduled", 64: "paused",
		3: "unknown", 128: "unknown", -1: "unknown",
	} {
		assert.Equal(t, name, number.String())
		assert.Equal(t, number == ksc.StateCompleted || number == ksc.StateWarning || number == ksc.StateFailed, number.Final(), name)
	}
}

// statuses answers with these records, each without its envelope.
func statuses(count string, records ...string) func(seen, int) reply {
	var all []string
	for _, r := range records {
		all = append(all, `{"type":"params","value":{`+r+`}}`)
	}
	return except("Tasks.GetHostStatusRecordRange", ok(`{`+count+`"pParHostStatus":{"statuses":[`+strings.Join(all, ",")+`]}}`))
}

// TestTheStateOfOneHost among what KSC may answer.
func TestTheStateOfOneHost(t *testing.T) {
	of := func(host, state string) string { return `"hostname":"` + host + `","state_code":` + state }
	var other []string
	for i := range 1001 {
		other = append(other, of(fmt.Sprint("h", i), "4"))
	}
	for _, c := range []struct {
		name   string
		answer func(seen, int) reply
		state  ksc.TaskState
		kind   ksc.Kind // of an error; 0: none
	}{
		{"it", statuses(`"PxgRetVal":1,`, of(hostID, "4")), ksc.StateCompleted, 0},
		{"in another case", statuses("", of(strings.ToUpper(hostID), "16")), ksc.StateFailed, 0},
		{"as text", statuses(`"PxgRetVal":"1",`, of(hostID, `"8"`)), ksc.StateWarning, 0},
		{"as long", statuses("", of(hostID, `{"type":"long","value":"64"}`)), ksc.StatePaused, 0},
		{"none", statuses(`"PxgRetVal":0,`), ksc.StateUnknown, 0},
		{"another's", statuses(`"PxgRetVal":1,`, of("another", "4")), ksc.StateUnknown, 0},
		{"among others", statuses("", of("another", "4"), of(hostID, "2"), of("a third", "16")), ksc.StateRunning, 0},
		{"twice", statuses("", of(hostID, "2"), of(hostID, "2")), ksc.StateRunning, 0},
		{"twice in two states", statuses("", of(hostID, "2"), of(hostID, "4")), 0, ksc.KindBadAnswer},
		{"twice, once unknown", statuses("", of(hostID, "4"), of(hostID, "5")), 0, ksc.KindBadAnswer},
		{"without a state", statuses("", `"hostname":"`+hostID+`","state_descr":"x"`), ksc.StateUnknown, 0},
		{"two bits", statuses("", of(hostID, "12")), ksc.StateUnknown, 0},
		{"no bit", statuses("", of(hostID, "0")), ksc.StateUnknown, 0},
		{"a bit of the future", statuses("", of(hostID, "128")), ksc.StateUnknown, 0},
		{"a bit beyond 2^32", statuses("", of(hostID, "4294967300")), ksc.StateUnknown, 0},
		{"below none", statuses("", of(hostID, "-4")), ksc.StateUnknown, 0},
		{"no number", statuses("", of(hostID, "true")), ksc.StateUnknown, 0},
		{"without its host", statuses("", `"state_code":4`), 0, ksc.KindBadAnswer},
		{"beside one without its host", statuses("", of(hostID, "4"), `"state_code":4`), 0, ksc.KindBadAnswer},
		{"more than are shown", statuses(`"PxgRetVal":2,`, of(hostID, "4")), 0, ksc.KindTruncated},
		{"fewer than are shown", statuses(`"PxgRetVal":0,`, of(hostID, "4")), ksc.StateCompleted, 0},
		{"of 1000 hosts", statuses("", append(other[:999:999], of(hostID, "4"))...), 0, ksc.KindTruncated},
		{"of 1001 hosts", statuses("", append(other[:1000:1000], of(hostID, "4"))...), 0, ksc.KindTruncated},
		{"of 1002 hosts", statuses("", append(other, of(hostID, "4"))...), 0, ksc.KindBadAnswer},
		{"of 999 hosts", statuses("", append(other[:998:998], of(hostID, "4"))...), ksc.StateCompleted, 0},
		{"null", except("Tasks.GetHostStatusRecordRange", ok(`{"pParHostStatus":{"statuses":[null]}}`)), 0, ksc.KindBadAnswer},
		{"bare", except("Tasks.GetHostStatusRecordRange", ok(`{"pParHostStatus":{"statuses":[{`+of(hostID, "1")+`}]}}`)), ksc.StatePending, 0},
		{"wrapped once more", except("Tasks.GetHostStatusRecordRange", ok(`{"pParHostStatus":{"type":"params","value":{"statuses":[{`+of(hostID, "32")+`}]}}}`)), ksc.StateScheduled, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, c.answer)
				status, err := client(t, server.Dial).TaskStatus(t.Context(), "195", hostID)
				assert.Len(t, server.calls("Tasks.ReleaseHostStatusIterator"), 1)
				assert.Equal(t, c.state, status.State)
				if c.kind == 0 {
					require.NoError(t, err)
					return
				}
				assert.Equal(t, c.kind, failed(t, err).Kind, "%v", err)
				assert.Zero(t, status)
			})
		})
	}
}

// TestTheTextsOfAState are printable, and its numbers are what they say.
func TestTheTextsOfAState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRogue(t, statuses("", `"hostname":"`+hostID+`","state_code":16,"completed_percent":"37","state_descr":" a\u0007\nb\u202e`+strings.Repeat("x", 2000)+
			`","start_time":{"type":"datetime","value":"2026-11-25T09:00:00Z"},"finish_time":{"type":"datetime","value":""}`))
		status, err := client(t, server.Dial).TaskStatus(t.Context(), "195", hostID)
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(status.Description, "a  b xxx"), status.Description)
		assert.LessOrEqual(t, len(status.Description), 1000+len("…"))
		status.Description = ""
		assert.Equal(t, ksc.TaskStatus{
			State: ksc.StateFailed, Percent: 37, PercentKnown: true, Started: time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC),
		}, status)
	})
	for _, percent := range []string{`-1`, `101`, `null`, `"half"`, `1.5`} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, statuses("", `"hostname":"`+hostID+`","state_code":2,"completed_percent":`+percent))
			status, err := client(t, server.Dial).TaskStatus(t.Context(), "195", hostID)
			require.NoError(t, err)
			assert.Equal(t, ksc.TaskStatus{State: ksc.StateRunning}, status)
		})
	}
}

// TestCountsOfOneHost: numbers say nothing of a host unless it is the only one.
func TestCountsOfOneHost(t *testing.T) {
	for counts, state := range map[string]ksc.TaskState{
		`{"1":0,"2":0,"4":1,"8":0,"16":0,"32":0,"64":0,"GNRL_COMPLETED_PERCENT":100}`: ksc.StateCompleted,
		`{"16":1}`:                              ksc.StateFailed,
		`{"8":"1"}`:                             ksc.StateWarning,
		`{"2":{"type":"long","value":1},"4":0}`: ksc.StateRunning,
		`{"type":"params","value":{"64":1}}`:    ksc.StatePaused,
		`{"4":1,"16":1}`:                        ksc.StateUnknown,
		`{"4":2}`:                               ksc.StateUnknown,
		`{"4":3,"16":-2}`:                       ksc.StateUnknown,
		`{"1":0,"4":0}`:                         ksc.StateUnknown,
		`{"4":1,"128":1}`:                       ksc.StateUnknown,
		`{"128":1}`:                             ksc.StateUnknown,
		`{"0":1}`:                               ksc.StateUnknown,
		`{"4":1,"16":"some"}`:                   ksc.StateUnknown,
		`{"4":1,"16":null}`:                     ksc.StateUnknown,
		`{"4":true}`:                            ksc.StateUnknown,
		`{"4":1,"KLTSK_NEED_RBT_CNT":1}`:        ksc.StateCompleted,
		`{"GNRL_COMPLETED_PERCENT":100}`:        -1,
		`{}`:                                    -1,
		`null`:                                  -1,
		`1`:                                     -1,
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except("Tasks.GetTaskStatistics", ok(`{"PxgRetVal":`+counts+`}`)))
			status, err := client(t, server.Dial).TaskCounts(t.Context(), "195")
			if state == -1 {
				assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind, counts)
				return
			}
			require.NoError(t, err, counts)
			assert.Equal(t, state, status.State, counts)
			assert.Equal(t, strings.Contains(counts, "PERCENT"), status.PercentKnown, counts)
		})
	}
}

// TestAStateIsNeverGuessed: whatever records KSC answers with, a state is that
// of the host's own record and of no other's.
func TestAStateIsNeverGuessed(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		hosts := rapid.SampledFrom([]string{hostID, strings.ToUpper(hostID), "another", "a third"})
		codes := rapid.OneOf(rapid.SampledFrom([]int{1, 2, 4, 8, 16, 32, 64}), rapid.IntRange(-1, 130))
		own := map[ksc.TaskState]bool{}
		var records []string
		for range rapid.IntRange(0, 4).Draw(r, "records") {
			host, code := hosts.Draw(r, "host"), codes.Draw(r, "code")
			records = append(records, fmt.Sprintf(`"hostname":%q,"state_code":%d`, host, code))
			if strings.EqualFold(host, hostID) {
				state := ksc.TaskState(code)
				if state.String() == "unknown" {
					state = ksc.StateUnknown
				}
				own[state] = true
			}
		}
		synctest.Test(t, func(t *testing.T) {
			status, err := client(t, newRogue(t, statuses("", records...)).Dial).TaskStatus(t.Context(), "195", hostID)
			switch {
			case len(own) > 1:
				failed(t, err)
			case len(own) == 0:
				require.NoError(t, err)
				require.Equal(t, ksc.StateUnknown, status.State)
			default:
				require.NoError(t, err)
				require.True(t, own[status.State], "%v of %v", status.State, own)
			}
		})
	})
}
