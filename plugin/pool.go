package plugin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kes-respond/kes-respond/shared"
)

// The bounds of the servers that requests bring with them.
const (
	mostBrought = 32          // held at once, each with its session
	mostLeaving = 32          // of which the sessions are being ended besides
	idleBrought = time.Minute // a server is kept that nobody uses
)

// pool holds the servers that requests bring with them, so that not each
// request logs in. One is shared only by requests whose connections are equal
// in every part. It is ended when nobody has used it for a while, or when
// another needs the room.
type pool struct {
	salt    [sha256.Size]byte
	closing context.Context // of the Plugin: lends its values

	mu      sync.Mutex
	held    map[[sha256.Size]byte]*held
	leaving int
	closed  bool
	ending  sync.WaitGroup
}

// held is one server and who uses it.
type held struct {
	server *server
	users  int
	since  time.Time   // nobody has used it
	timer  *time.Timer // ends it; nil while it is used
}

func newPool(closing context.Context) *pool {
	p := &pool{closing: closing, held: map[[sha256.Size]byte]*held{}}
	rand.Read(p.salt[:]) //nolint:errcheck // it does not fail
	return p
}

// take gives the server under a key, made where there is none, until release.
func (p *pool) take(key [sha256.Size]byte, make func() (*server, error)) (s *server, release func(), refusal *shared.Error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed { // nobody would end its session
		return nil, nil, &shared.Error{Code: shared.Busy, Message: "this program is leaving; nothing was sent", Retryable: true, Assistance: "Send it again to the next one."}
	}
	h := p.held[key]
	if h == nil {
		if len(p.held) >= mostBrought && !p.dropOldest() {
			return nil, nil, &shared.Error{
				Code: shared.Busy, Message: fmt.Sprintf("requests use %d different connections already; nothing was sent", mostBrought), Retryable: true,
				Assistance: "Send it again when some of those have ended. A server that is often used can be configured.",
			}
		}
		s, err := make()
		if err != nil {
			return nil, nil, &shared.Error{Code: shared.Internal, Message: err.Error()}
		}
		h = &held{server: s}
		p.held[key] = h
	}
	h.users++
	if h.timer != nil {
		h.timer.Stop()
		h.timer = nil
	}
	return h.server, sync.OnceFunc(func() { p.leave(key, h) }), nil
}

func (p *pool) leave(key [sha256.Size]byte, h *held) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if h.users--; h.users > 0 || p.closed {
		return
	}
	h.since = time.Now()
	h.timer = time.AfterFunc(idleBrought, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.held[key] == h && h.users == 0 && time.Since(h.since) >= idleBrought && !p.closed {
			p.drop(key, h)
		}
	})
}

// dropOldest makes room; there is none where all are used.
func (p *pool) dropOldest() bool {
	var oldest *held
	var of [sha256.Size]byte
	for key, h := range p.held {
		if h.users == 0 && (oldest == nil || h.since.Before(oldest.since)) {
			oldest, of = h, key
		}
	}
	if oldest == nil || p.leaving >= mostLeaving {
		return false
	}
	p.drop(of, oldest)
	return true
}

// drop forgets a server that nobody uses, and ends its session meanwhile.
func (p *pool) drop(key [sha256.Size]byte, h *held) {
	h.timer.Stop()
	delete(p.held, key)
	p.leaving++
	p.ending.Go(func() {
		_ = h.server.client.Close(p.closing) // what KSC says of it nobody needs
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leaving--
	})
}

// close ends all of it. Requests have been told to end.
func (p *pool) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	var errs []error
	ended := make(chan error)
	n := len(p.held)
	for _, h := range p.held {
		if h.timer != nil {
			h.timer.Stop()
		}
		go func() {
			h.server.drain()
			ended <- h.server.client.Close(ctx)
		}()
	}
	p.mu.Unlock()
	for range n {
		errs = append(errs, <-ended)
	}
	p.ending.Wait()
	return errors.Join(errs...)
}
