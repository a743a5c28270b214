package journal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kes-respond/kes-respond/shared"
)

const childEnv = "KES_RESPOND_JOURNAL_CHILD"

// TestMain is also the other processes of these tests: the test binary runs
// itself as a child that does what childEnv names.
func TestMain(m *testing.M) {
	if job := os.Getenv(childEnv); job != "" {
		os.Exit(child(job))
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		for _, dir := range grown.dirs {
			_ = os.RemoveAll(filepath.Dir(dir))
		}
		os.Exit(code)
	}))
}

// newDir is a directory that a ledger trusts.
func newDir(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "ledger")
}

func open(t testing.TB, dir string, change ...func(*Options)) *Journal {
	t.Helper()
	o := Options{User: "tester", PID: os.Getpid()}
	for _, c := range change {
		c(&o)
	}
	j, err := Open(t.Context(), dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, j.Close()) })
	return j
}

const day = 24 * time.Hour

var added = time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)

// deletes is a request that changes a host and sets no slot.
func deletes(id string) Entry {
	return Entry{
		ID: shared.IDOf(id), Server: "main", Task: "deleteFile", HostID: "host-1", Effects: []shared.Effect{shared.Deletes},
		Digest: "d-delete", Params: []byte(`{"path":"C:\\a"}`), Allowed: true, Rule: "default", Decision: "allowed",
	}
}

// isolates is a request that sets a slot.
func isolates(id, value string) Entry {
	e := deletes(id)
	e.Task, e.Effects, e.Digest, e.Slot, e.Value = "isolateHost", []shared.Effect{shared.Isolates}, "d-isolation-"+value, "isolation", value
	e.Params = []byte(`{"action":1}`)
	return e
}

func keyed(e Entry, key string) Entry {
	e.IdempotencyKey = key
	return e
}

// claim demands a Claim.
func (j *Journal) mustClaim(t testing.TB, e Entry) *Claim {
	t.Helper()
	c, p, err := j.Claim(t.Context(), e, nil)
	require.NoError(t, err)
	require.Nil(t, p)
	require.NotNil(t, c)
	return c
}

// prior demands a Prior.
func (j *Journal) mustPrior(t testing.TB, e Entry) *Prior {
	t.Helper()
	c, p, err := j.Claim(t.Context(), e, nil)
	require.NoError(t, err)
	require.Nil(t, c, "nothing answered for it")
	require.NotNil(t, p)
	return p
}

// carry takes a claim to its end.
func carry(ctx context.Context, c *Claim, incident int64, o shared.Outcome) error {
	err := errors.Join(c.Sending(ctx, added), c.Stored(ctx, incident, added), c.Flush())
	c.Updated()
	return errors.Join(err, c.Ended(ctx, o, "", "done"))
}

func isKind(t testing.TB, err error, k Kind) *Error {
	t.Helper()
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, k, e.Kind, "%v", err)
	require.NotEmpty(t, e.Message)
	return e
}

// sound proves the chain.
func sound(t testing.TB, j *Journal, anchor []byte) Proof {
	t.Helper()
	var r io.Reader
	if anchor != nil {
		r = bytes.NewReader(anchor)
	}
	p, err := j.Verify(t.Context(), r)
	require.NoError(t, err)
	require.Empty(t, p.Flaws)
	return p
}

func all(t testing.TB, j *Journal, f Filter) []Record {
	t.Helper()
	var list []Record
	for r, err := range j.Records(t.Context(), f) {
		require.NoError(t, err)
		list = append(list, r)
	}
	return list
}
