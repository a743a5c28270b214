package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// grownDir makes a ledger of so many requests, each with its four lines, without
// a flush for each. It is made once for all benchmarks.
func grownDir(b *testing.B, n int) string {
	b.Helper()
	if n == 0 {
		return newDir(b)
	}
	grown.Lock()
	defer grown.Unlock()
	if dir := grown.dirs[n]; dir != "" {
		return dir
	}
	root, err := os.MkdirTemp("", "journal-bench")
	require.NoError(b, err)
	dir := filepath.Join(root, "ledger")
	j, err := Open(b.Context(), dir, Options{MaxBytes: 1 << 40})
	require.NoError(b, err)
	for done := 0; done < n; {
		require.NoError(b, j.exclusive(b.Context(), func(t *turn) error {
			for range min(10_000, n-done) {
				w := writing{}
				e := isolates(fmt.Sprint("old", done), "on")
				e.HostID = fmt.Sprint("host", done)
				e.Digest += e.HostID
				if err := t.claim(keyed(e, fmt.Sprint("old", done)), nil, &w); err != nil {
					return err
				}
				p := w.claim.progress
				for _, event := range []string{string(Sending), string(Stored), eventEnded} {
					switch event {
					case string(Stored):
						p.Stage, p.Incident = Stored, int64(done)
					case eventEnded:
						p.Outcome = shared.Submitted
					}
					if _, err := t.append(line{Event: event, Of: w.claim.claim.Seq, Claim: w.claim.at, By: j.self, Boot: j.boot, Entry: Entry{Server: "main"}, progress: p}); err != nil {
						return err
					}
				}
				done++
			}
			return nil
		}))
	}
	require.NoError(b, j.Close())
	grown.dirs[n] = dir
	return dir
}

var grown = struct {
	sync.Mutex
	dirs map[int]string
}{dirs: map[int]string{}}

var sizes = []int{0, 10_000, 1_000_000}

func eachSize(b *testing.B, f func(b *testing.B, j *Journal, n int)) {
	for _, n := range sizes {
		if n > 10_000 && os.Getenv("KES_RESPOND_BENCH_MILLION") == "" {
			continue
		}
		b.Run(fmt.Sprintf("requests=%d", n), func(b *testing.B) {
			f(b, open(b, grownDir(b, n), func(o *Options) { o.MaxBytes = 1 << 40 }), n)
		})
	}
}

var unique atomic.Int64

func fresh() Entry {
	id := fmt.Sprint("new", unique.Add(1))
	e := isolates(id, "on")
	e.HostID = id
	e.Digest += id
	return keyed(e, id)
}

// BenchmarkRequest is claim, sending, stored and ended: two flushes.
func BenchmarkRequest(b *testing.B) {
	eachSize(b, func(b *testing.B, j *Journal, _ int) {
		for b.Loop() {
			c := j.mustClaim(b, fresh())
			require.NoError(b, c.Sending(b.Context(), added))
			require.NoError(b, c.Stored(b.Context(), 1, added))
			require.NoError(b, c.Flush())
			require.NoError(b, c.Ended(b.Context(), shared.Submitted, "", ""))
		}
	})
}

// BenchmarkStep is one line without a flush.
func BenchmarkStep(b *testing.B) {
	eachSize(b, func(b *testing.B, j *Journal, _ int) {
		c := j.mustClaim(b, fresh())
		for b.Loop() {
			require.NoError(b, c.Sending(b.Context(), added))
		}
	})
}

func BenchmarkByKey(b *testing.B) {
	eachSize(b, func(b *testing.B, j *Journal, n int) {
		i := 0
		for b.Loop() {
			_, found, err := j.ByKey(b.Context(), fmt.Sprint("old", i))
			require.NoError(b, err)
			require.Equal(b, n > 0, found)
			if n > 0 {
				i = (i*31 + 7) % n
			}
		}
	})
}

// BenchmarkOpen is what a one-shot process pays beside its requests.
func BenchmarkOpen(b *testing.B) {
	for _, n := range sizes {
		if n > 10_000 && os.Getenv("KES_RESPOND_BENCH_MILLION") == "" {
			continue
		}
		b.Run(fmt.Sprintf("requests=%d", n), func(b *testing.B) {
			dir := grownDir(b, n)
			open(b, dir)
			for b.Loop() {
				j, err := Open(b.Context(), dir, Options{MaxBytes: 1 << 40})
				require.NoError(b, err)
				require.NoError(b, j.Close())
			}
		})
	}
}

// BenchmarkOneShot is a whole process's part: open, one request, close.
func BenchmarkOneShot(b *testing.B) {
	dir := grownDir(b, 10_000)
	for b.Loop() {
		j, err := Open(b.Context(), dir, Options{})
		require.NoError(b, err)
		require.NoError(b, carry(b.Context(), j.mustClaim(b, fresh()), 1, shared.Submitted))
		require.NoError(b, j.Close())
	}
}

// BenchmarkClaims shows what goroutines gain by sharing a flush.
func BenchmarkClaims(b *testing.B) {
	for _, n := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("goroutines=%d", n), func(b *testing.B) {
			var flushes atomic.Int64
			j := open(b, newDir(b), func(o *Options) {
				o.Step = func(s string) {
					if s == "synced" {
						flushes.Add(1)
					}
				}
			})
			work := make(chan struct{})
			var wg sync.WaitGroup
			for range n {
				wg.Go(func() {
					for range work {
						c, _, err := j.Claim(b.Context(), fresh(), nil)
						if err == nil {
							err = c.Ended(b.Context(), shared.Submitted, "", "")
						}
						if err != nil {
							b.Error(err)
						}
					}
				})
			}
			flushes.Store(0)
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			wg.Wait()
			b.ReportMetric(float64(flushes.Load())/float64(b.N), "flushes/op")
		})
	}
}

// BenchmarkClaimsWithABaseline is one claim, without and with the console tasks
// of a host.
func BenchmarkClaimsWithABaseline(b *testing.B) {
	for _, n := range []int{0, 30, 300} {
		b.Run(fmt.Sprintf("ids=%d", n), func(b *testing.B) {
			j := open(b, newDir(b), func(o *Options) { o.MaxBytes = 1 << 40 })
			for b.Loop() {
				e := fresh()
				if n > 0 {
					e.Baseline = &Baseline{Tasks: ids(n, 5)}
				}
				j.mustClaim(b, e)
			}
		})
	}
}

// BenchmarkFollowed is a match and an end: one flush.
func BenchmarkFollowed(b *testing.B) {
	j := open(b, newDir(b), func(o *Options) { o.MaxBytes = 1 << 40 })
	for b.Loop() {
		b.StopTimer()
		r := left(b, j, fresh(), shared.Submitted)
		b.StartTimer()
		require.NoError(b, j.Matched(b.Context(), r.Seq, task(r.ID.Text())))
		j.mustFinish(b, r.Seq, shared.Succeeded)
	}
}

// BenchmarkRebuild is what a lost index costs, once.
func BenchmarkRebuild(b *testing.B) {
	dir := grownDir(b, 10_000)
	for b.Loop() {
		require.NoError(b, os.Remove(filepath.Join(dir, indexFile)))
		j, err := Open(b.Context(), dir, Options{})
		require.NoError(b, err)
		require.NoError(b, j.Close())
	}
}

// BenchmarkHere is what each turn pays to know that the ledger is where it was.
func BenchmarkHere(b *testing.B) {
	j := open(b, newDir(b))
	for b.Loop() {
		require.NoError(b, j.Here())
	}
}

// BenchmarkLogin is the turn to log in, of an account that nobody has refused.
func BenchmarkLogin(b *testing.B) {
	j := open(b, newDir(b))
	for b.Loop() {
		l, err := j.Login(b.Context(), "main", "ann", "wrong")
		require.NoError(b, err)
		require.NoError(b, l.Forget())
		l.Leave()
	}
}
