package plugin_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// isolatingScan are the params of a scan that isolates the host.
func isolatingScan(t *testing.T) string {
	t.Helper()
	scan, ok := task.Lookup("iocScan")
	require.True(t, ok)
	return strings.Replace(string(scan.Sample()), `"isolateHost":false`, `"isolateHost":true`, 1)
}

// isolations are the reversals of all that was isolated.
func (p process) isolations(t *testing.T) []plugin.Reversal {
	t.Helper()
	all, err := p.Reversals(t.Context(), time.Time{}, func(r journal.Record) bool {
		return journal.Filter{Effect: shared.Isolates}.Wants(r)
	})
	require.NoError(t, err)
	return all
}

// TestUndoOfAScanAfterARelease: the release before the scan did not take back
// what the scan does, however short a time ago that was.
func TestUndoOfAScanAfterARelease(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		_, r := p.send(t, on(1, "release", "isolateHost", offParams))
		require.Equal(t, shared.Submitted, r.Outcome)
		time.Sleep(time.Second)
		_, r = p.send(t, on(1, "scan", "iocScan", isolatingScan(t)))
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		time.Sleep(time.Second)
		all := p.isolations(t)
		require.Len(t, all, 1)
		require.Empty(t, all[0].Skipped)
		back := all[0].Request
		back.DryRun = false
		r = p.Respond(t.Context(), back, func(shared.Event) {})
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		require.Empty(t, r.DuplicateOf)
		require1(t, s, 3)
	})
}

// TestAReleaseAfterAScan: an equal release from before the scan does not answer
// for it, and one from after it does.
func TestAReleaseAfterAScan(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		p := s.start(t, nil)
		for i, params := range []string{offParams, isolatingScan(t), offParams} {
			_, r := p.send(t, on(1, fmt.Sprint(i), []string{"isolateHost", "iocScan", "isolateHost"}[i], params))
			require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
			require.Empty(t, r.DuplicateOf)
			time.Sleep(time.Second)
		}
		_, r := p.send(t, on(1, "again", "isolateHost", offParams))
		require.Equal(t, "2", r.DuplicateOf)
		require1(t, s, 3)
	})
}

// TestUndoOfWhatWasSentAfterItsRelease: a release that was asked for while the
// isolation was on its way may have been the first to arrive.
func TestUndoOfWhatWasSentAfterItsRelease(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{Latency: time.Second})
		p := s.start(t, nil)
		_, r := p.send(t, on(2, "warm", "isolateHost", offParams))
		require.Equal(t, shared.Submitted, r.Outcome)
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.send(t, on(1, "on", "isolateHost", onParams))
		}()
		time.Sleep(100 * time.Millisecond)
		_, r = p.send(t, on(1, "off", "isolateHost", offParams))
		require.Equal(t, shared.Submitted, r.Outcome)
		<-done
		all := p.isolations(t)
		require.Len(t, all, 1)
		require.Empty(t, all[0].Skipped)
	})
}

// TestUndoOfWhatWentElsewhere: nobody here has the connection that a request
// brought.
func TestUndoOfWhatWentElsewhere(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, o := newSite(t, dir, ksctest.Options{}), newOther(t, ksctest.Options{})
		p := s.start(t, nil, o.beside)
		_, r := p.send(t, member(on(1, "there", "isolateHost", onParams), o.connection()))
		require.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		all := p.isolations(t)
		require.Len(t, all, 1)
		require.Contains(t, all[0].Skipped, "is not configured here")
	})
}
