package plugin_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// TestDescribeIsWhole: a description is an event, and an event has 64 KiB at
// most. What a caller needs of it may not be what is left out.
func TestDescribeIsWhole(t *testing.T) {
	p, err := plugin.New(t.Context(), plugin.Config{Version: "test"})
	require.NoError(t, err)
	all, err := p.Describe(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all.Tasks, len(task.All()))
	for i, one := range task.All() {
		assert.Equal(t, one.Name, all.Tasks[i].Name)
		d, err := p.Describe(t.Context(), one.Name)
		require.NoError(t, err)
		require.Len(t, d.Tasks, 1)
		assert.Equal(t, all.Tasks[i].Digest, d.Tasks[0].Digest)
		line, err := shared.EventLine(shared.Event{ID: "1", Described: &d})
		require.NoError(t, err)
		assert.Less(t, len(line), shared.MaxEventBytes/2, one.Name)
		var back shared.Event
		require.NoError(t, json.Unmarshal(line, &back))
		assert.JSONEq(t, string(one.Schema()), string(back.Described.Tasks[0].Schema))
		r, refusal := shared.ParseRequest(back.Described.Tasks[0].Sample)
		require.Nil(t, refusal)
		assert.True(t, r.DryRun, "a sample that is sent by mistake does nothing")
		assert.Equal(t, shared.Planned, p.Respond(t.Context(), r, func(shared.Event) {}).Outcome)
	}
	_, err = p.Describe(t.Context(), "isolatehost")
	assert.ErrorContains(t, err, `"isolateHost" is spelt so`)
}

// BenchmarkRespond is one request through the plugin to the emulator, over
// connections in memory: session, TLS and emulator included, carrier not.
func BenchmarkRespond(b *testing.B) {
	p := newPair(b, ksctest.Options{})
	r, refusal := shared.ParseRequest([]byte(isolate(`,"hostLookup":"never"`)))
	require.Nil(b, refusal)
	for _, dry := range []bool{false, true} {
		b.Run(map[bool]string{false: "send", true: "dry-run"}[dry], func(b *testing.B) {
			r := r
			r.DryRun = dry
			b.ReportAllocs()
			for b.Loop() {
				if o := p.Respond(b.Context(), r, func(shared.Event) {}).Outcome; o != shared.Submitted && o != shared.Planned {
					b.Fatal(o)
				}
			}
		})
	}
}
