package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/kes-respond/kes-respond/shared"
)

// beat is how often a client hears that a call goes on, although nothing happens:
// a host may take a quarter of an hour to notice its task, and clients end calls
// of which they hear nothing, many after a minute.
const beat = 15 * time.Second

// progressOf tells the client of a call what happens, if it wants to know, until
// done is called.
func progressOf(ctx context.Context, r *mcp.CallToolRequest) (tell func(shared.Event), done func()) {
	token := r.Params.GetProgressToken()
	if token == nil {
		return func(shared.Event) {}, func() {}
	}
	return told(func(n int, message string) {
		// A client that has gone learns it from its stream.
		_ = r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: float64(n), Message: message})
	})
}

// told counts what a client is told: the number only grows, as it has to.
func told(notify func(n int, message string)) (tell func(shared.Event), done func()) {
	var mu sync.Mutex
	n, last := 0, "waiting for Kaspersky Security Center"
	say := func(message string) {
		mu.Lock()
		defer mu.Unlock()
		if message != "" {
			last = message
		} else {
			message = "still: " + last
		}
		n++
		notify(n, message)
	}
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(beat)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				say("")
			case <-over:
				return
			}
		}
	}()
	return func(e shared.Event) {
			if message := words(e); message != "" {
				say(message)
			}
		}, func() {
			close(over)
			<-ended
		}
}

// words are an event for people.
func words(e shared.Event) string {
	switch {
	case e.Accepted != nil:
		return "allowed, host " + shown(nameOf(e.Accepted.Host))
	case e.Progress == nil:
		return ""
	}
	p := e.Progress
	text := p.Stage
	if p.Incident != nil {
		text += " as incident " + p.Incident.ID
	}
	if p.Percent != nil {
		text += fmt.Sprintf(" %d %%", *p.Percent)
	}
	if p.Message != "" {
		text += ": " + p.Message
	}
	return text
}
