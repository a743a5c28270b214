package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
)

// starting is how long kes-respond may take to say hello: it reads its settings
// before, and a helper may have to give the password.
const starting = 30 * time.Second

// sibling is "kes-respond serve". It is started when it is first needed, so that
// a client can list the tools on a machine where nothing is configured yet, and
// anew when it has gone.
type sibling struct {
	program string
	args    []string
	environ []string
	err     io.Writer // what it says about itself goes there as well

	mu      sync.Mutex
	running *child
	closed  bool
}

// child is one run of it.
type child struct {
	cmd    *exec.Cmd
	client *jsonl.Client
	said   *preface
	gone   chan struct{}
}

// responder is what requests go to.
func (s *sibling) responder(ctx context.Context) (shared.Responder, *shared.Error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, notStarted("this server is leaving")
	}
	if s.running != nil {
		select {
		case <-s.running.gone:
			s.running = nil
		default:
			return s.running.client, nil
		}
	}
	p, err := s.start(ctx)
	if err != nil {
		return nil, notStarted(err.Error())
	}
	s.running = p
	return p.client, nil
}

func notStarted(why string) *shared.Error {
	return &shared.Error{
		Code: shared.CarrierLost, Message: "kes-respond could not be asked; nothing was sent: " + why, Retryable: true,
		Assistance: "Mend what is named here where this server runs. \"kes-respond check\" there says whether it is mended.",
	}
}

func (s *sibling) start(ctx context.Context) (*child, error) {
	// Not bound to ctx: others who ask later use it as well.
	cmd := exec.Command(s.program, s.args...)
	cmd.Env = s.environ
	p := &child{cmd: cmd, said: &preface{}, gone: make(chan struct{})}
	cmd.Stderr = io.MultiWriter(s.err, p.said)
	cmd.WaitDelay = time.Second // for what it may have left behind that holds its streams
	requests, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	events, out, err := os.Pipe() // not StdoutPipe: Wait would close it before all was read
	if err != nil {
		return nil, err
	}
	cmd.Stdout = out
	err = cmd.Start()
	out.Close()
	if err != nil {
		events.Close()
		return nil, err
	}
	go func() {
		defer close(p.gone)
		cmd.Wait() // how it ended stands in what it said and in the results
	}()
	greeting, cancel := context.WithTimeout(ctx, starting)
	defer cancel()
	if p.client, err = jsonl.NewClient(greeting, events, requests); err != nil {
		cmd.Process.Kill() // it has been asked nothing
		<-p.gone
		if complaint := p.said.complaint(); complaint != nil {
			return nil, complaint
		}
		return nil, fmt.Errorf("%s: %w", cmd.ProcessState, err)
	}
	return p, nil
}

// close lets what runs come to an end, as long as ctx lasts.
func (s *sibling) close(ctx context.Context) error {
	s.mu.Lock()
	p := s.running
	s.running, s.closed = nil, true
	s.mu.Unlock()
	if p == nil {
		return nil
	}
	select {
	case <-p.gone:
		return nil // calls were told when it went
	default:
	}
	err := p.client.Close(ctx)
	select {
	case <-p.gone:
	case <-ctx.Done():
		p.cmd.Process.Kill()
		<-p.gone
	}
	return err
}

// preface keeps the beginning of what a process says about itself: there it says
// why it does not start.
type preface struct {
	mu   sync.Mutex
	text []byte
}

// mostTold is how much of it a client is told.
const mostTold = 1024

func (t *preface) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p[:min(len(p), mostTold-len(t.text))]...)
	return len(p), nil
}

func (t *preface) complaint() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := strings.ToValidUTF8(strings.TrimSpace(string(t.text)), "")
	if text == "" {
		return nil
	}
	return errors.New(strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text))
}
