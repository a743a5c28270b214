package ksc_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// cursored is a read of three calls, by its methods.
type cursored struct {
	open, read, release string
	do                  func(context.Context, *ksc.Client) error
	aboutTask           bool // what opens it is asked for a console task
}

func cursors() []cursored {
	const read, release = "Tasks.GetHostStatusRecordRange", "Tasks.ReleaseHostStatusIterator"
	return []cursored{
		{"Tasks.ResetHostIteratorForTaskStatusEx", read, release, func(ctx context.Context, c *ksc.Client) error {
			return second(c.TaskStatus(ctx, "1", hostID))
		}, true},
		{"Tasks.ResetHostIteratorForTaskStatus", read, release, func(ctx context.Context, c *ksc.Client) error {
			return second(c.TaskStatusOlder(ctx, "1", hostID))
		}, true},
		{"Tasks.GetTaskHistory", "EventProcessing.GetRecordRange", "EventProcessing.ReleaseIterator", func(ctx context.Context, c *ksc.Client) error {
			return second(c.TaskEvents(ctx, "1", hostID, 10))
		}, true},
		{"EventProcessingFactory.CreateEventProcessingForHost2", "EventProcessing.GetRecordRange", "EventProcessing.ReleaseIterator", func(ctx context.Context, c *ksc.Client) error {
			return second(c.LocalEvents(ctx, hostID, "n", 10))
		}, false},
		{"SrvView.ResetIterator", "SrvView.GetRecordRange", "SrvView.ReleaseIterator", func(ctx context.Context, c *ksc.Client) error {
			return second(c.LocalStatus(ctx, "2", "n"))
		}, false},
	}
}

// eachCursor runs a test on an emulator that has a console task of each kind,
// in a session that is there already.
func eachCursor(t *testing.T, o ksctest.Options, test func(*testing.T, *ksctest.Server, *ksc.Client, cursored)) {
	for _, k := range cursors() {
		t.Run(k.open, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, c := emulated(t, o)
				server.PutConsoleTask(ksctest.ConsoleTask{Name: "n", Host: hostID})
				server.PutConsoleTask(ksctest.ConsoleTask{Name: "n", Host: hostID, Kind: "local"})
				require.NoError(t, c.Open(t.Context()))
				test(t, server, c, k)
			})
		})
	}
}

// TestACancelGivesTheCursorBack: the caller is told at once that it was its own
// doing, and KSC keeps nothing.
func TestACancelGivesTheCursorBack(t *testing.T) {
	eachCursor(t, ksctest.Options{Latency: time.Second}, func(t *testing.T, server *ksctest.Server, c *ksc.Client, k cursored) {
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond) // open takes one, read the next
		defer cancel()
		start := time.Now()
		assert.Equal(t, ksc.KindTimeout, failed(t, k.do(ctx, c)).Kind)
		assert.Equal(t, 2500*time.Millisecond, time.Since(start), "the release takes one more")
		assert.Equal(t, 1, called(server, k.release))
		assert.Empty(t, server.Unreleased())
	})
}

// TestAReleaseHoldsNobodyUp: KSC answers the read, and then nothing more.
func TestAReleaseHoldsNobodyUp(t *testing.T) {
	eachCursor(t, ksctest.Options{}, func(t *testing.T, server *ksctest.Server, c *ksc.Client, k cursored) {
		require.NoError(t, server.SetMischief(map[string]float64{"delay@" + k.release: 1}))
		start := time.Now()
		require.NoError(t, k.do(t.Context(), c))
		assert.Equal(t, 2*time.Second, time.Since(start))
	})
}

// TestAReadThatFailsGivesTheCursorBack, whatever KSC or a proxy makes of it.
func TestAReadThatFailsGivesTheCursorBack(t *testing.T) {
	for _, knob := range []string{
		"status-503", "starting", "unavailable", "limit", "unknown-error", "drop-before-store", "drop-after-store", "truncate", "html", "empty",
		"gzip-broken", "never",
	} {
		eachCursor(t, ksctest.Options{}, func(t *testing.T, server *ksctest.Server, c *ksc.Client, k cursored) {
			require.NoError(t, server.SetMischief(map[string]float64{knob + "@" + k.read: 1}))
			failed(t, k.do(t.Context(), c))
			assert.Equal(t, 1, called(server, k.read), knob)
			assert.Empty(t, server.Unreleased(), knob)
		})
	}
}

// TestWhatOtherServersDoToACursor harms it in no way.
func TestWhatOtherServersDoToACursor(t *testing.T) {
	for _, knob := range []string{"chunked", "long-as-string", "empty-datetime", "no-subcode"} {
		eachCursor(t, ksctest.Options{Mischief: map[string]float64{knob: 1}}, func(t *testing.T, server *ksctest.Server, c *ksc.Client, k cursored) {
			require.NoError(t, k.do(t.Context(), c), knob)
			assert.Empty(t, server.Unreleased(), knob)
		})
	}
}

// TestASessionThatEndsWithACursor: between opening and reading, the cursor dies
// with it. That is no word on the console task, and passes; afterwards, all was
// read.
func TestASessionThatEndsWithACursor(t *testing.T) {
	eachCursor(t, ksctest.Options{}, func(t *testing.T, server *ksctest.Server, c *ksc.Client, k cursored) {
		require.NoError(t, server.SetMischief(map[string]float64{"end-session@" + k.read: 1}))
		err := k.do(t.Context(), c)
		e := failed(t, err)
		assert.False(t, ksc.IsNotFound(err))
		assert.True(t, e.Passing(), "%v", e)
		assert.Zero(t, called(server, k.release), "there is nothing to release")
		require.NoError(t, server.SetMischief(map[string]float64{"end-session@" + k.release: 1}))
		require.NoError(t, k.do(t.Context(), c))
		require.NoError(t, server.SetMischief(nil))
		server.EndSessions()
		require.NoError(t, k.do(t.Context(), c), "before it, a new session is started")
	})
}

// TestWhatKSCRefusesOfACursor: each of its methods, by code. Only what opens it
// says that there is no such console task.
func TestWhatKSCRefusesOfACursor(t *testing.T) {
	for _, k := range cursors() {
		for code, kind := range map[int]ksc.Kind{1184: ksc.KindDenied, 1186: ksc.KindNotFound, 1194: ksc.KindUnsupported, 1195: ksc.KindUnavailable} {
			module := "KLSTD"
			if code == 1194 {
				module = "KLCONN"
			}
			for _, method := range []string{k.open, k.read, k.release} {
				t.Run(fmt.Sprint(method, " ", code), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						server := newRogue(t, except(method, ok(fmt.Sprintf(`{"PxgError":{"code":%d,"module":%q,"message":"no"}}`, code, module))))
						err := k.do(t.Context(), client(t, server.Dial))
						if method == k.release {
							require.NoError(t, err)
							return
						}
						want := kind
						if code == 1186 && method == k.open && !k.aboutTask {
							want = ksc.KindRefused
						}
						if code == 1186 && method == k.read {
							want = ksc.KindUnavailable
						}
						e := failed(t, err)
						assert.Equal(t, want, e.Kind, "%v", e)
						assert.Equal(t, code, e.Code)
						assert.Equal(t, ksc.Answered, e.Delivery)
						releases := 0
						if method == k.read && code != 1186 {
							releases = 1
						}
						assert.Len(t, server.calls(k.release), releases)
					})
				})
			}
		}
	}
}

// TestNoLoginIsTriedForARelease: a refused one is enough.
func TestNoLoginIsTriedForARelease(t *testing.T) {
	eachCursor(t, ksctest.Options{}, func(t *testing.T, server *ksctest.Server, c *ksc.Client, k cursored) {
		require.NoError(t, server.SetMischief(map[string]float64{"end-session@" + k.read: 1}))
		server.SetPassword("another")
		assert.Equal(t, ksc.KindLogin, failed(t, k.do(t.Context(), c)).Kind)
		assert.Equal(t, 2, called(server, "Session.StartSession"))
		assert.Zero(t, called(server, k.release))
	})
}

// TestAListThatIsNone: where KSC says nothing of records, nothing is known.
func TestAListThatIsNone(t *testing.T) {
	for _, k := range cursors() {
		list := map[string]string{"Tasks.GetHostStatusRecordRange": "pParHostStatus", "EventProcessing.GetRecordRange": "pParamsEvents", "SrvView.GetRecordRange": "pRecords"}[k.read]
		for answer, empty := range map[string]bool{
			`{"` + list + `":{}}`:                                true,
			`{"` + list + `":null}`:                              true,
			`{"` + list + `":{"type":"params","value":{}}}`:      true,
			`{"PxgRetVal":0,"` + list + `":{"other":[{"a":1}]}}`: true,
			`{"PxgRetVal":0}`:                                    true,
			`{}`:                                                 false,
			`{"PxgRetVal":1}`:                                    false,
			`{"PxgRetVal":true}`:                                 false,
			`{"` + list + `":[]}`:                                false,
			`{"` + list + `":17}`:                                false,
		} {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, except(k.read, ok(answer)))
				err := k.do(t.Context(), client(t, server.Dial))
				assert.Len(t, server.calls(k.release), 1)
				if empty {
					require.NoError(t, err, answer)
					return
				}
				assert.Equal(t, ksc.KindBadAnswer, failed(t, err).Kind, answer)
			})
		}
		for _, answer := range []string{`{}`, `{"strHostIteratorId":"","strIteratorId":"","wstrIteratorId":""}`, `{"strHostIteratorId":null,"strIteratorId":{},"wstrIteratorId":[]}`} {
			synctest.Test(t, func(t *testing.T) {
				server := newRogue(t, except(k.open, ok(answer)))
				assert.Equal(t, ksc.KindBadAnswer, failed(t, k.do(t.Context(), client(t, server.Dial))).Kind)
				assert.Empty(t, server.calls(k.read))
			})
		}
	}
}
