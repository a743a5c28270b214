package rpc_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// script is the Responder of a launched plugin: a request's task says what it
// does.
type script struct {
	log    *slog.Logger
	before string // the environment of a child that was started before Serve

	together *atomic.Int64 // how many requests run
	flooded  *atomic.Int64 // events that flood has emitted
}

func (s script) Describe(context.Context, string) (shared.Description, error) {
	return shared.Description{
		Protocol: shared.Protocol, Name: "script", Version: fmt.Sprint(os.Getpid()),
		Tasks: []shared.TaskDescription{{Name: "quick", Effects: []shared.Effect{shared.Reads}}},
	}, nil
}

func (s script) Status(_ context.Context, r shared.Request, _ func(shared.Event)) shared.Result {
	return shared.Result{Outcome: shared.Pending, Incident: r.Incident}
}

func (s script) Check(_ context.Context, r shared.Request) (shared.Checked, error) {
	return shared.Checked{Server: r.Server, Passed: true, Steps: []shared.CheckStep{{Name: "network", State: shared.StepPassed}}}, nil
}

func (s script) Close(context.Context) error { return nil }

func (s script) Respond(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	result := shared.Result{Outcome: shared.Submitted, Task: r.Task, TargetHost: r.TargetHost}
	if r.Task == "die first" {
		os.Exit(9)
	}
	emit(shared.Event{Accepted: &shared.Accepted{Host: shared.Host{ID: "host-" + r.ID.Text()}}})
	switch r.Task {
	case "die":
		emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageSubmitted, Incident: &shared.Incident{ID: "4711"}}})
		<-ctx.Done() // the test kills
	case "panic":
		panic("the password is 12345\n{\"@level\":1}")
	case "hold":
		<-ctx.Done()
		result.Outcome = shared.Cancelled
		result.Error = &shared.Error{Code: shared.CancelledCode, Message: "the plugin was told to stop"}
	case "send":
		s.send(ctx, r, &result)
	case "size":
		result.Message = fmt.Sprint(len(r.Params))
	case "stuck":
		<-make(chan struct{})
	case "flood":
		for ctx.Err() == nil {
			emit(shared.Event{Progress: &shared.Progress{Stage: shared.StageWarning, Message: strings.Repeat("x", 10_000)}})
			s.flooded.Add(1)
		}
		record("add flood\nupdate flood")
	case "until the flood has stopped":
		for before := int64(-1); before < 64 || before != s.flooded.Load(); {
			before = s.flooded.Load()
			<-time.After(100 * time.Millisecond)
		}
	case "together":
		result.Message = fmt.Sprint(s.together.Add(1))
		<-time.After(20 * time.Millisecond)
		s.together.Add(-1)
	case "print":
		fmt.Println(strings.Repeat("a stray print ", 100_000))
		fmt.Fprintln(os.Stderr, strings.Repeat("another ", 100_000))
	case "environment":
		result.Message = s.before + childEnvironment(ctx)
	case "log":
		s.hostile(ctx, r.Params)
	}
	return result
}

// send is what must not be split: two steps, with some time between. Then it
// follows until it is told to stop.
func (s script) send(ctx context.Context, r shared.Request, result *shared.Result) {
	if ctx.Err() != nil {
		result.Outcome, result.Error = shared.Cancelled, &shared.Error{Code: shared.CancelledCode, Message: "cancelled in time"}
		return
	}
	record("add " + r.ID.Text())
	s.log.Info("between the two steps", "id", r.ID.Text())
	<-time.After(200 * time.Millisecond)
	record("update " + r.ID.Text())
	if r.Wait == shared.WaitDone {
		<-ctx.Done()
		result.Outcome = shared.Pending
		result.Plan = &shared.Plan{Body: strings.Repeat("x", 60_000)} // as long as a result may be
	}
}

func record(line string) {
	f, err := os.OpenFile(os.Getenv(recordKey), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(line + "\n")
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		panic(err)
	}
}

// childEnvironment is what a child of this process finds in its environment. A
// child that finds the cookie would take itself for a plugin: that one has no
// child of its own, and is ended.
func childEnvironment(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0])
	child.Env = append(os.Environ(), roleKey+"=child", beforeKey+"=")
	out, err := child.Output()
	if err != nil {
		return "the child failed: " + err.Error()
	}
	return string(out)
}

// hostile logs at each level what someone outside chose.
func (s script) hostile(ctx context.Context, params json.RawMessage) {
	var chosen map[string]any
	if err := json.Unmarshal(params, &chosen); err != nil {
		panic(err)
	}
	var attrs []any
	for k, v := range chosen {
		attrs = append(attrs, k, v)
	}
	log := s.log.With(attrs...)
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		log.Log(ctx, level, "hostile at "+level.String(), append(attrs, slog.Group("", attrs...))...)
	}
}
