package plugin_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// open are the requests that somebody has to look after, by a process of its own.
func (s *site) open(t *testing.T) []journal.Record {
	t.Helper()
	j, err := journal.Open(t.Context(), s.dir, journal.Options{User: "tester"})
	require.NoError(t, err)
	defer j.Close()
	all, err := j.Unsettled(t.Context())
	require.NoError(t, err)
	return all
}

// TestTheLedgerSaysWhatTheCallerWasTold: a request whose end was asked for is open
// from the moment that KSC has it, and says in the end what its caller was told. It
// stays one that counts, that answers, and that status ends.
func TestTheLedgerSaysWhatTheCallerWasTold(t *testing.T) {
	for name, c := range map[string]struct {
		code    shared.Code
		options ksctest.Options
		during  func(*site, context.CancelFunc)
	}{
		"its time was over": {shared.Timeout, ksctest.Options{Tasks: ksctest.TaskOptions{Delay: 10 * time.Minute}}, nil},
		"it was cancelled": {shared.CancelledCode, ksctest.Options{Tasks: ksctest.TaskOptions{Delay: 10 * time.Minute}}, func(_ *site, cancel context.CancelFunc) {
			time.AfterFunc(2*time.Minute, cancel)
		}},
		"it cannot be told apart": {shared.TaskAmbiguous, ksctest.Options{Tasks: ksctest.TaskOptions{Delay: time.Second}}, func(s *site, _ context.CancelFunc) {
			time.AfterFunc(2*time.Second, func() {
				s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] isolateHost - 2026-11-28 10:00:00 - 17", Host: hostID, Type: "isolateHost", State: 4})
			})
		}},
	} {
		dir := t.TempDir()
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, c.options)
				p := s.follower(t)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if c.during != nil {
					c.during(s, cancel)
				}
				var result shared.Result
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					_, result = p.sendCtx(t, ctx, waits("1", "isolateHost", `{"action":1}`, `,"timeout":"5m","idempotencyKey":"k"`))
				}()
				time.Sleep(1500 * time.Millisecond) // of the bubble
				while := s.open(t)
				require.Len(t, while, 1, "somebody waits for it")
				assert.Equal(t, []any{shared.Pending, shared.Code(""), "done"}, []any{while[0].Outcome, while[0].Code, while[0].Wait})
				_, beside := p.send(t, keyed("beside", "k"))
				assert.Equal(t, shared.Submitted, beside.Outcome, "KSC has it, and no more was asked")
				assert.Nil(t, beside.Error)

				<-ended
				require.Equal(t, shared.Pending, result.Outcome, "%+v", result.Error)
				assert.Equal(t, c.code, result.Error.Code)
				after := s.open(t)
				require.Len(t, after, 1)
				assert.Equal(t, []any{shared.Pending, c.code, result.Error.Message}, []any{after[0].Outcome, after[0].Code, after[0].Message})
				assert.True(t, after[0].TakenByKSC())
				many, _, err := p.Outstanding(t.Context(), "main", 80)
				require.NoError(t, err)
				assert.Equal(t, 1, many)

				_, beside = p.send(t, keyed("again", "k"))
				require.Equal(t, shared.Pending, beside.Outcome, "what became of the first")
				assert.Equal(t, c.code, beside.Error.Code)
				assert.Contains(t, beside.Error.Assistance, "status of incident 1")
				assert.Empty(t, s.recovered(t, true), "there is nothing to recover")
				_, beside = p.send(t, waits("third", "isolateHost", `{"action":1}`, `,"timeout":"1m","idempotencyKey":"k"`))
				assert.Equal(t, shared.Pending, beside.Outcome)
				assert.NotContains(t, beside.Message, "the time to wait was over before", "what the first was told is not this one's")
				if c.code != shared.TaskAmbiguous {
					_, result = p.status(t, `"incident":{"id":"1"},"wait":"done"`)
					assert.Equal(t, shared.Succeeded, result.Outcome, "%+v", result.Error)
					assert.Empty(t, s.open(t))
				}
				require1(t, s, 1)
			})
		})
	}
}

// TestALostConsoleTaskIsOpen: the caller heard that it is unknown.
func TestALostConsoleTaskIsOpen(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Outcome: "never"}})
		p := s.follower(t)
		time.AfterFunc(time.Minute, func() {
			for range 100 {
				s.ksc.PutConsoleTask(ksctest.ConsoleTask{Name: "[Response][KUMA] getFile - 1 - 1", Host: "another"})
			}
		})
		_, result := p.send(t, waits("1", "isolateHost", `{"action":1}`, ""))
		require.Equal(t, shared.Unknown, result.Outcome)
		open := s.open(t)
		require.Len(t, open, 1)
		assert.Equal(t, []any{shared.Unknown, shared.TaskLost, result.Message}, []any{open[0].Outcome, open[0].Code, open[0].Message})
		assert.Empty(t, s.recovered(t, true), "KSC has it: there is nothing to recover")
	})
}

// TestAnEndThatWasAskedForOutlivesItsProcess, in whatever moment that dies, and is
// asked for by whoever else waits.
func TestAnEndThatWasAskedForOutlivesItsProcess(t *testing.T) {
	followed := func(c *plugin.Config) { c.FollowCalls = plugin.DefaultFollowCalls }
	line := waits("1", "isolateHost", `{"action":1}`, `,"idempotencyKey":"k"`)
	t.Run("before its end was recorded", func(t *testing.T) {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Outcome: "never"}})
			s.dead(t, line, followed)
			require.Len(t, s.recovered(t, false), 1)
			open := s.open(t)
			require.Len(t, open, 1)
			assert.Equal(t, shared.Pending, open[0].Outcome)
			assert.Empty(t, s.recovered(t, true), "its second step is done")
		})
	})
	t.Run("while it waited", func(t *testing.T) {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Outcome: "never"}})
			appended, stored := 0, make(chan struct{})
			p := s.start(t, func(step string) {
				if step != "append" {
					return
				}
				if appended++; appended == 5 { // head, claimed, sending, stored, ended
					close(stored)
				}
				if appended > 5 {
					runtime.Goexit()
				}
			}, followed)
			ctx, kill := context.WithCancel(t.Context())
			ended := make(chan struct{})
			go func() { defer close(ended); p.sendCtx(t, ctx, line) }()
			<-stored
			synctest.Wait()
			require.NoError(t, p.journal().Close())
			open := s.open(t)
			require.Len(t, open, 1)
			assert.Equal(t, shared.Pending, open[0].Outcome)
			kill()
			<-ended
		})
	})
	t.Run("of what was only to be stored", func(t *testing.T) {
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, dir, ksctest.Options{Tasks: ksctest.TaskOptions{Outcome: "never"}})
			p := s.follower(t)
			_, result := p.send(t, keyed("first", "k"))
			require.Equal(t, shared.Submitted, result.Outcome)
			assert.Empty(t, s.open(t), "nobody asked for its end")
			_, result = p.status(t, `"incident":{"id":"1"},"wait":"done","timeout":"1m"`)
			require.Equal(t, shared.Pending, result.Outcome)
			assert.Empty(t, s.open(t), "a question is no request")
			go p.send(t, waits("second", "isolateHost", `{"action":1}`, `,"timeout":"5m","idempotencyKey":"k"`))
			time.Sleep(time.Minute) // of the bubble
			open := s.open(t)
			require.Len(t, open, 1, "now somebody has")
			assert.Equal(t, []any{shared.ID(`"first"`), shared.Pending, shared.Code("")}, []any{open[0].ID, open[0].Outcome, open[0].Code})
			time.Sleep(5 * time.Minute)
			assert.Equal(t, shared.Timeout, s.open(t)[0].Code)
			require1(t, s, 1)
		})
	})
}
