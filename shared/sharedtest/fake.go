package sharedtest

import (
	"context"
	"sync"

	"github.com/kes-respond/kes-respond/shared"
)

// Fake is a Responder that does what it is told. A function that is nil
// refuses; the others keep the promises of shared.Responder themselves. Close
// waits as the real plugin does, and then ends the ctx of what is left.
type Fake struct {
	OnRespond  func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result
	OnStatus   func(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result
	OnDescribe func(ctx context.Context, task string) (shared.Description, error)
	OnCheck    func(ctx context.Context, r shared.Request) (shared.Checked, error)

	mu      sync.Mutex
	cancels map[int]context.CancelFunc
	next    int
	running sync.WaitGroup
}

var _ shared.Responder = (*Fake)(nil)

// Respond calls OnRespond.
func (f *Fake) Respond(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	return f.carry(ctx, f.OnRespond, r, emit)
}

// Status calls OnStatus.
func (f *Fake) Status(ctx context.Context, r shared.Request, emit func(shared.Event)) shared.Result {
	return f.carry(ctx, f.OnStatus, r, emit)
}

func (f *Fake) carry(ctx context.Context, on func(context.Context, shared.Request, func(shared.Event)) shared.Result, r shared.Request, emit func(shared.Event)) shared.Result {
	if on == nil {
		refusal := shared.Refuse(shared.Violation{Message: "this fake was not told what to do"})
		return shared.Result{Outcome: shared.Refused, Message: refusal.Message, Error: refusal}
	}
	ctx, leave := f.enter(ctx)
	defer leave()
	return on(ctx, r, emit)
}

func (f *Fake) enter(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	f.running.Add(1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.cancels == nil {
		f.cancels = map[int]context.CancelFunc{}
	}
	f.next++
	n := f.next
	f.cancels[n] = cancel
	return ctx, func() {
		cancel()
		f.mu.Lock()
		delete(f.cancels, n)
		f.mu.Unlock()
		f.running.Done()
	}
}

// Describe calls OnDescribe.
func (f *Fake) Describe(ctx context.Context, task string) (shared.Description, error) {
	if f.OnDescribe == nil {
		return shared.Description{}, shared.Refuse(shared.Violation{Pointer: "/task", Message: "is no task"})
	}
	return f.OnDescribe(ctx, task)
}

// Check calls OnCheck.
func (f *Fake) Check(ctx context.Context, r shared.Request) (shared.Checked, error) {
	if f.OnCheck == nil {
		return shared.Checked{}, shared.Refuse(shared.Violation{Pointer: "/server", Message: "is no server"})
	}
	return f.OnCheck(ctx, r)
}

// Close waits for what runs; when ctx ends it cancels that and waits on.
func (f *Fake) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		f.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	f.mu.Lock()
	for _, cancel := range f.cancels {
		cancel()
	}
	f.mu.Unlock()
	<-done
	return ctx.Err()
}
