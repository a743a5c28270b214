package jsonl_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// patient is a sink that takes a second of a bubble's time for each line.
type patient struct{ sink }

func (p *patient) Write(line []byte) (int, error) {
	time.Sleep(time.Second)
	return p.sink.Write(line)
}

// TestServeAnswersWhoWaitsAtTheDoor: a request that was read has its last
// event, also where it still waits to be let in when ctx ends. Nothing has
// left by the time that Serve wants to: each last event takes a second.
func TestServeAnswersWhoWaitsAtTheDoor(t *testing.T) {
	for name, line := range map[string]string{
		"respond":  with(`"id":5`),
		"status":   `{"id":5,"type":"status","incident":{"id":"7"}}`,
		"describe": `{"id":5,"type":"describe"}`,
		"check":    `{"id":5,"type":"check"}`,
		"refused":  with(`"id":5,"tusk":1`),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				fake := &sharedtest.Fake{OnRespond: func(ctx context.Context, r shared.Request, _ func(shared.Event)) shared.Result {
					<-ctx.Done()
					return shared.Result{Outcome: shared.Cancelled, Error: &shared.Error{Code: shared.CancelledCode}}
				}}
				in, w := io.Pipe()
				out := &patient{sink{t: t}}
				served := newServed()
				go func() { served <- jsonl.Serve(ctx, fake, in, out, jsonl.Options{MaxInFlight: 1}) }()
				for id := range 4 {
					fmt.Fprintln(w, with(fmt.Sprintf(`"id":%d`, id+1)))
				}
				fmt.Fprintln(w, line)
				synctest.Wait()
				cancel()
				assert.NoError(t, <-served)
				heard := out.heard()
				synctest.Wait()
				time.Sleep(time.Hour)
				assert.Len(t, out.heard(), len(heard), "nothing is written once Serve has returned")

				last := map[shared.ID]int{}
				for _, e := range heard[1:] {
					last[e.ID]++
					if e.ID != "5" {
						assert.Equal(t, shared.Cancelled, e.Result.Outcome)
						continue
					}
					switch name {
					case "respond", "status":
						assert.Equal(t, shared.Cancelled, e.Result.Outcome)
						assert.Equal(t, "cancelled before it was started", e.Result.Message)
						assert.Equal(t, shared.CancelledCode, e.Result.Error.Code)
					case "refused":
						assert.Equal(t, shared.Refused, e.Result.Outcome)
					default:
						assert.Equal(t, shared.CancelledCode, e.Problem.Code)
						assert.Equal(t, int64(5), e.Problem.Line)
					}
				}
				assert.Equal(t, map[shared.ID]int{"1": 1, "2": 1, "3": 1, "4": 1, "5": 1}, last)
			})
		})
	}
}

// TestServeAnswersALineThatIsBeingTaken: what is no request has its error as
// well, also where ctx ends while the error waits to be written.
func TestServeAnswersALineThatIsBeingTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		in, w := io.Pipe()
		out := &patient{sink{t: t}}
		served := newServed()
		go func() { served <- jsonl.Serve(ctx, done(), in, out, jsonl.Options{}) }()
		io.WriteString(w, good+"\nno request\n")
		synctest.Wait() // accepted is being written, the error waits
		cancel()
		assert.NoError(t, <-served)
		codes := []shared.Code{}
		for _, e := range out.heard() {
			if e.Problem != nil {
				codes = append(codes, e.Problem.Code)
			}
		}
		assert.Equal(t, []shared.Code{shared.BadRequest}, codes)
	})
}

// TestServeWhereTheOutputTakesNoError: a line that is no request keeps Serve
// no longer than the grace, and what was not heard is an output that is lost.
func TestServeWhereTheOutputTakesNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		hearing, events := io.Pipe()
		served := newServed()
		go func() {
			served <- jsonl.Serve(ctx, done(), strings.NewReader("no request\n"), events, jsonl.Options{Grace: 7 * time.Second})
		}()
		hello := make([]byte, 4096)
		hearing.Read(hello)
		synctest.Wait()
		cancel()
		began := time.Now()
		err := <-served
		assert.ErrorIs(t, err, jsonl.ErrOutputLost)
		assert.NotErrorIs(t, err, jsonl.ErrAbandoned)
		assert.Equal(t, 8*time.Second, time.Since(began))
		hearing.Close()
	})
}

// TestErrorEventNamesAllThatIsWrong, as far as an error lists it: it has no
// other place for it.
func TestErrorEventNamesAllThatIsWrong(t *testing.T) {
	message := func(members string) string {
		out := &sink{t: t}
		assert.NoError(t, jsonl.Serve(t.Context(), done(), strings.NewReader(`{"id":1,"type":"describe"`+members+"}"), out, jsonl.Options{}))
		return out.heard()[1].Problem.Message
	}
	const head = "the request breaks the contract"
	assert.Equal(t, head+" at /a: is not a member that requests have; nothing was sent", message(`,"a":1`))
	assert.Equal(t, head+"; nothing was sent; /a is not a member that requests have; /b is not a member that requests have", message(`,"a":1,"b":2`))

	many := ""
	for i := range 27 {
		many += fmt.Sprintf(`,"a%02d":1`, i)
	}
	said := message(many)
	assert.Equal(t, 20, strings.Count(said, "is not a member"))
	assert.True(t, strings.HasSuffix(said, "; /a19 is not a member that requests have; and 7 more"), said)

	said = message(`,"a":1,"b":[` + strings.Repeat("0,", shared.MaxValues) + `"{{."]`)
	assert.Equal(t, head+"; nothing was sent; its top level holds more than 10000 members and items; "+
		"/b/10000 holds \"{{.\": a field was not filled in by the caller's template", said)
}
