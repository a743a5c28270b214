package sharedtest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func request(id string) shared.Request {
	return shared.Request{
		Type: shared.TypeRespond, ID: shared.IDOf(id), Task: "isolateHost", TargetHost: "PC-" + id, Params: []byte(`{"action":1}`),
	}
}

func accepted(id string) shared.Event {
	return shared.Event{Accepted: &shared.Accepted{Host: shared.Host{ID: "host-" + id, Name: "PC-" + id}}}
}

func progress(message string) shared.Event {
	return shared.Event{Progress: &shared.Progress{Stage: shared.StageWarning, Message: message}}
}

func submitted(r shared.Request) shared.Result {
	return shared.Result{Outcome: shared.Submitted, Task: r.Task, TargetHost: r.TargetHost, Message: "done: " + r.ID.Text()}
}

// tellCrowd: each of a thousand requests at once gets its own events and its
// own one result.
func tellCrowd(t *testing.T, open Open) {
	const many = 1000
	var mu sync.Mutex
	calls := map[shared.ID]int{}
	far, _ := open(t, &Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		mu.Lock()
		calls[r.ID]++
		mu.Unlock()
		emit(accepted(r.ID.Text()))
		for n := range 3 {
			emit(progress(fmt.Sprintf("%s: %d", r.ID.Text(), n)))
		}
		return submitted(r)
	}})
	var group sync.WaitGroup
	for n := range many {
		group.Go(func() {
			id := strconv.Itoa(n)
			heard, result := Ask(t.Context(), t, far, request(id), nil)
			assert.Equal(t, submitted(request(id)), result)
			if assert.Len(t, heard, 4, id) {
				assert.Equal(t, accepted(id), bare(heard[0]))
				for n := range 3 {
					assert.Equal(t, progress(fmt.Sprintf("%s: %d", id, n)), bare(heard[n+1]))
				}
			}
		})
	}
	group.Wait()
	mu.Lock()
	defer mu.Unlock()
	assert.Len(t, calls, many)
	for id, n := range calls {
		assert.Equal(t, 1, n, "calls for %s", id)
	}
}

// tellOrder: a listener that keeps up hears every event, in order. It lets the
// Responder go on only when it has heard the last one.
func tellOrder(t *testing.T, open Open) {
	const many = 500
	heardOne := make(chan struct{})
	far, _ := open(t, &Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		for n := range many {
			if n == 0 {
				emit(accepted("order"))
			} else {
				emit(progress(strconv.Itoa(n)))
			}
			<-heardOne
		}
		return submitted(r)
	}})
	// The token is given from another goroutine: a Responder called directly
	// waits for it in the goroutine that listens.
	heard, result := Ask(t.Context(), t, far, request("order"), func(shared.Event) { go func() { heardOne <- struct{}{} }() })
	assert.Equal(t, submitted(request("order")), result)
	require.Len(t, heard, many)
	assert.Equal(t, accepted("order"), bare(heard[0]))
	for n := 1; n < many; n++ {
		assert.Equal(t, progress(strconv.Itoa(n)), bare(heard[n]))
	}
}

// tellBlocked: while one listener blocks, all others are served; it may miss
// progress by that, and neither the order nor the result.
func tellBlocked(t *testing.T, open Open) {
	const many, large = 500, 2000
	text := strings.Repeat("x", large)
	far, _ := open(t, &Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		emit(accepted(r.ID.Text()))
		for n := range many {
			emit(progress(fmt.Sprintf("%06d%s", n, text)))
		}
		return submitted(r)
	}})
	blocked, release := make(chan struct{}), make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		first := true
		heard, result := Ask(t.Context(), t, far, request("slow"), func(shared.Event) {
			if first {
				first = false
				close(blocked)
				<-release
			}
		})
		assert.Equal(t, submitted(request("slow")), result)
		last := ""
		for _, e := range heard[1:] {
			assert.Greater(t, e.Progress.Message, last)
			last = e.Progress.Message
		}
		assert.Equal(t, accepted("slow"), bare(heard[0]))
	})
	<-blocked
	for n := range 5 {
		id := "quick-" + strconv.Itoa(n)
		heard, result := Ask(t.Context(), t, far, request(id), nil)
		assert.Equal(t, submitted(request(id)), result)
		assert.Equal(t, accepted(id), bare(heard[0]))
	}
	close(release)
	group.Wait()
}

// tellIDs: ids are echoed as they were written, and 7 is another id than "7".
func tellIDs(t *testing.T, open Open) {
	var all sync.WaitGroup
	ids := []shared.ID{
		"7", `"7"`, "-7", "9223372036854775807", shared.ID(strings.Repeat("9", shared.MaxIDLength)),
		shared.IDOf("é"), shared.IDOf("Дело № 7"), shared.IDOf("🛡️"), shared.IDOf("\u2028"), shared.IDOf(`a"b\c<d>&`),
		shared.IDOf(strings.Repeat("я", shared.MaxIDLength)),
	}
	all.Add(len(ids))
	far, _ := open(t, &Fake{OnRespond: func(_ context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
		all.Done()
		all.Wait() // all of them are in flight together
		emit(accepted("ids"))
		return submitted(r)
	}})
	var group sync.WaitGroup
	for _, id := range ids {
		group.Go(func() {
			r := request("ids")
			r.ID = id
			_, result := Ask(t.Context(), t, far, r, nil)
			assert.Equal(t, submitted(r), result, "%s", id)
		})
	}
	group.Wait()
	r := request("ids")
	r.ID = ""
	all.Add(1)
	_, result := Ask(t.Context(), t, far, r, nil)
	assert.Equal(t, shared.Submitted, result.Outcome, "a request without an id")
}
