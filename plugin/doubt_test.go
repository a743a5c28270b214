package plugin_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestTheSearchBeginsWhenTheAnswerIsLost: looks are counted from the
// sending, and an answer that is waited for 30 s leaves one, at once.
func TestTheSearchBeginsWhenTheAnswerIsLost(t *testing.T) {
	for _, resend := range []bool{false, true} {
		t.Run(fmt.Sprint("resend ", resend), func(t *testing.T) {
			f, dir := newFront(), t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{})
				var orders atomic.Int64
				f.serve = func(_ http.ResponseWriter, method string, forward func() *http.Response) bool {
					if method != addMethod || orders.Add(1) > 1 {
						return false
					}
					time.Sleep(33 * time.Second)
					if r := forward(); r != nil {
						r.Body.Close()
					}
					return true
				}
				p := s.start(t, nil, f.start(t, s), func(c *plugin.Config) { c.ResendAfterSearch = resend })
				began := time.Now()
				_, r := p.send(t, timed(keyed("1", "k"), "3m"))
				t.Logf("%s after %s: %s", r.Outcome, time.Since(began), r.Message)
				time.Sleep(10 * time.Second)
				require1(t, s, 1)
				assert.Equal(t, shared.Submitted, r.Outcome)
			})
		})
	}
}

// dead leaves an order in doubt that KSC has stored.
func (s *site) dead(t *testing.T, line string, change ...func(*plugin.Config)) {
	t.Helper()
	n := 0
	p := s.start(t, func(step string) {
		if step == "append" {
			if n++; n >= 4 { // head, claimed, sending, stored; a dead process takes no step
				runtime.Goexit()
			}
		}
	}, change...)
	ended := make(chan struct{})
	go func() { defer close(ended); p.send(t, line) }()
	<-ended
	n = -1 << 30
	require.NoError(t, p.journal().Close())
	require1(t, s, 1)
}

// TestASearchThatWasNotMadeEndsNothing: what stays in doubt must not be
// closed as unknown by one who could not look.
func TestASearchThatWasNotMadeEndsNothing(t *testing.T) {
	for _, c := range []string{"unreachable", "hasty"} {
		t.Run(c, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s := newSite(t, dir, ksctest.Options{})
				s.dead(t, keyed("first", "k"))
				p := s.start(t, nil, func(config *plugin.Config) {
					if c == "unreachable" { // KSC starts with the machine
						one := config.Servers["main"]
						one.Dial = func(context.Context, string, string) (net.Conn, error) {
							return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
						}
						config.Servers["main"] = one
					}
				})
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				if c == "hasty" {
					hasty, stop := context.WithTimeout(ctx, 100*time.Millisecond)
					defer stop()
					require.NoError(t, s.ksc.SetMischief(map[string]float64{"delay": 1}))
					p.sendCtx(t, hasty, keyed("hasty", "k"))
				} else {
					_, err := p.Recover(ctx, false, func(_ journal.Record, r shared.Result) { t.Logf("recovered as %s: %s", r.Outcome, r.Message) })
					require.NoError(t, err)
				}
				p.end()
				require.NoError(t, s.ksc.SetMischief(nil))
				time.Sleep(time.Minute)
				s.recovered(t, false)
				_, again := s.start(t, nil).send(t, keyed("again", "k"))
				t.Logf("%s: %s", again.Outcome, again.Message)
				assert.Equal(t, shared.Submitted, again.Outcome, "its incident, with its mark, is there all the time")
			})
		})
	}
}

// rebooted makes a process's journal believe in another boot of the machine.
func rebooted(j *journal.Journal, boot string) {
	f := reflect.ValueOf(j).Elem().FieldByName("boot")
	*(*string)(unsafe.Pointer(f.UnsafeAddr())) = boot
}

// TestAnotherOnesIncidentIsNotAdopted: after a power failure a claim of
// which no sending is known is looked for without its time, back to 25 hours
// before it; an incident of the console from then is taken for it.
func TestAnotherOnesIncidentIsNotAdopted(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		console(t, s, "isolateHost", `{"action":1}`, 0)
		theirs := s.ksc.Incidents()[0].ID
		time.Sleep(20 * time.Hour)
		n := 0
		p := s.start(t, func(step string) {
			if step == "append" {
				if n++; n >= 3 { // before the line of the sending: nothing has left
					runtime.Goexit()
				}
			}
		}, func(c *plugin.Config) {
			open := c.Ledger
			c.Ledger = func(ctx context.Context) (*journal.Journal, error) {
				j, err := open(ctx)
				if err == nil {
					rebooted(j, "0123456789abcdef")
				}
				return j, err
			}
		})
		ended := make(chan struct{})
		go func() { defer close(ended); p.send(t, keyed("first", "k")) }()
		<-ended
		n = -1 << 30
		require.NoError(t, p.journal().Close())
		require.Zero(t, p.sent(addMethod)-1, "only the console's")
		for _, r := range s.recovered(t, false) {
			t.Logf("%s: %s %+v", r.Outcome, r.Message, r.Incident)
			if r.Incident != nil {
				assert.NotEqual(t, fmt.Sprint(theirs), r.Incident.ID, "the console's incident of 20 hours ago")
			}
			assert.Equal(t, shared.Unknown, r.Outcome)
		}
		assert.Zero(t, p.sent(updateMethod), "somebody else's incident is touched")
	})
}
