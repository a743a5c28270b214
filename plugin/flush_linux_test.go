package plugin_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestADiskThatFailsAfterTheIncident: KSC has the request, which is told with
// what the ledger could not take down. Nothing more is sent by this process, and
// the next one knows what KSC has.
func TestADiskThatFailsAfterTheIncident(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		var once sync.Once
		p := s.start(t, func(step string) {
			if step == "sync" && len(s.ksc.Incidents()) > 0 {
				once.Do(func() { s.breakFiles(t) })
			}
		})
		_, r := p.send(t, keyed("1", "k"))
		require1(t, s, 1)
		assert.Equal(t, shared.Submitted, r.Outcome, "%+v", r.Error)
		assert.Contains(t, r.Message, "the ledger could not record all of it")
		assert.Contains(t, r.Message, "could not be flushed")
		_, r = p.send(t, keyed("2", "another"))
		assert.Equal(t, shared.Journal, r.Error.Code)
		require1(t, s, 1)
		p.end()

		settled := s.recovered(t, false)
		require.Len(t, settled, 1)
		assert.Equal(t, shared.Submitted, settled[0].Outcome, "%+v", settled[0].Error)
		require1(t, s, 1)
		assert.Equal(t, journal.Updated, s.records(t)[0].Stage)
	})
}

// breakFiles puts a pipe, which cannot be flushed, in the place of the ledger's
// files that this process has open.
func (s *site) breakFiles(t testing.TB) {
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { r.Close(); w.Close() })
	open, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	broken := 0
	for _, f := range open {
		name, err := os.Readlink(filepath.Join("/proc/self/fd", f.Name()))
		if err != nil || filepath.Dir(name) != s.dir || !strings.HasSuffix(name, ".jsonl") {
			continue
		}
		fd, err := strconv.Atoi(f.Name())
		require.NoError(t, err)
		require.NoError(t, syscall.Dup3(int(w.Fd()), fd, syscall.O_CLOEXEC))
		broken++
	}
	require.Positive(t, broken)
}
