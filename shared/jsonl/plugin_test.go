package jsonl_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// newPlugin is the real plugin against the emulator, over connections in memory.
func newPlugin(t *testing.T) (*plugin.Plugin, *ksctest.Server) {
	t.Helper()
	server, err := ksctest.New(ksctest.Options{User: "edr-operator", Password: "secret"})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	trust, err := ksc.ParseTrust(server.CertificatePEM())
	require.NoError(t, err)
	p, err := plugin.New(context.WithoutCancel(t.Context()), plugin.Config{
		Version: "test",
		Servers: map[string]ksc.Config{"main": {
			Addr: "ksc.example:13299", User: "edr-operator", Password: "secret", Trust: trust, Dial: server.Dial,
		}},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		assert.NoError(t, p.Close(ctx))
	})
	return p, server
}

// The real plugin says over lines what it says directly: a dry run of each
// task, the same sent, and where each incident stands.
func TestPluginOverLines(t *testing.T) {
	direct, _ := newPlugin(t)
	behind, server := newPlugin(t)
	l := connect(t, ofSystem(t), behind, jsonl.Options{})
	var group sync.WaitGroup
	for _, sample := range task.All() {
		group.Go(func() {
			r, refusal := shared.ParseRequest(plugin.SampleRequest(sample))
			require.Nil(t, refusal)
			_, want := sharedtest.Ask(t.Context(), t, direct, r, nil)
			_, got := sharedtest.Ask(t.Context(), t, l, r, nil)
			assert.Equal(t, shared.Planned, got.Outcome)
			assert.Equal(t, want, got)

			r.DryRun = false
			heard, sent := sharedtest.Ask(t.Context(), t, l, r, nil)
			require.Equal(t, shared.Submitted, sent.Outcome, "%+v", sent.Error)
			require.NotEmpty(t, heard)
			assert.Equal(t, sent.Incident, heard[len(heard)-1].Progress.Incident)

			where := shared.Request{Type: shared.TypeStatus, ID: r.ID, Incident: sent.Incident}
			_, got = sharedtest.Ask(t.Context(), t, l, where, nil)
			assert.Equal(t, shared.Pending, got.Outcome, "%+v", got.Error)
			assert.Equal(t, sent.Incident.ID, got.Incident.ID)

			described, err := l.Describe(t.Context(), sample.Name)
			require.NoError(t, err)
			plain, err := direct.Describe(t.Context(), sample.Name)
			require.NoError(t, err)
			assert.Equal(t, plain.Tasks[0].Digest, described.Tasks[0].Digest)
			assert.JSONEq(t, string(plain.Tasks[0].Schema), string(described.Tasks[0].Schema))
			assert.JSONEq(t, string(plain.Tasks[0].Sample), string(described.Tasks[0].Sample))
		})
	}
	group.Wait()
	assert.Len(t, server.State().Incidents, len(task.All()))
	_, err := l.Describe(t.Context(), "formatDisk")
	var e *shared.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, shared.BadRequest, e.Code)
	assert.NoError(t, l.Close(t.Context()))
	assert.NoError(t, <-l.served)
}
