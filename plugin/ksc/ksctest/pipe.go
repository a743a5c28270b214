package ksctest

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
)

// pipeCapacity is how much one side may write ahead. net.Pipe has none, and TLS then deadlocks when both sides say goodbye.
const pipeCapacity = 64 << 10

// stream carries bytes one way. Waiting is on a condition variable only, which a synctest bubble sees as idle.
type stream struct {
	mu           sync.Mutex
	moved        sync.Cond
	buf          []byte
	ended        bool // no more will be written
	refused      bool // nobody will read
	readBy       limit
	writeBy      limit
	readerClosed bool
}

// limit is a deadline; its timer wakes whoever waits.
type limit struct {
	timer  *time.Timer
	passed bool
	epoch  int
}

func newStream() *stream {
	s := &stream{}
	s.moved.L = &s.mu
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.readerClosed:
			return 0, net.ErrClosed
		case s.readBy.passed:
			return 0, os.ErrDeadlineExceeded
		case len(p) == 0:
			return 0, nil
		case len(s.buf) > 0:
			n := copy(p, s.buf)
			s.buf = s.buf[n:]
			s.moved.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.moved.Wait()
	}
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.ended:
			return n, net.ErrClosed
		case s.writeBy.passed:
			return n, os.ErrDeadlineExceeded
		case s.refused:
			return n, syscall.EPIPE
		}
		if free := pipeCapacity - len(s.buf); free > 0 {
			k := min(free, len(p)-n)
			s.buf = append(s.buf, p[n:n+k]...)
			n += k
			s.moved.Broadcast()
		}
		if n == len(p) {
			return n, nil
		}
		s.moved.Wait()
	}
}

func (s *stream) set(l *limit, t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l.epoch++
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
	d := time.Until(t)
	l.passed = !t.IsZero() && d <= 0
	if !t.IsZero() && d > 0 {
		epoch := l.epoch
		l.timer = time.AfterFunc(d, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if l.epoch == epoch {
				l.passed = true
				s.moved.Broadcast()
			}
		})
	}
	s.moved.Broadcast()
}

// shut ends the stream from its writing or its reading side.
func (s *stream) shut(reader bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.writeBy
	if reader {
		s.refused, s.readerClosed, s.buf, l = true, true, nil, &s.readBy
	} else {
		s.ended = true
	}
	if l.timer != nil {
		l.timer.Stop()
	}
	s.moved.Broadcast()
}

// end is one side of an in-memory connection.
type end struct {
	in, out       *stream
	local, remote net.Addr
	once          sync.Once
}

// newPipe makes a connection. The server's address is addr where that can be read, else KSC's documented port on loopback.
func newPipe(_, addr string) (client, server *end) {
	far := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 13299}
	if ap, err := netip.ParseAddrPort(addr); err == nil {
		far = net.TCPAddrFromAddrPort(ap)
	}
	near := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 49152}
	up, down := newStream(), newStream()
	return &end{in: down, out: up, local: near, remote: far}, &end{in: up, out: down, local: far, remote: near}
}

func (e *end) Read(p []byte) (int, error) {
	n, err := e.in.read(p)
	return n, e.wrap("read", err)
}

func (e *end) Write(p []byte) (int, error) {
	n, err := e.out.write(p)
	return n, e.wrap("write", err)
}

func (e *end) wrap(op string, err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: e.local, Addr: e.remote, Err: err}
}

func (e *end) Close() error {
	e.once.Do(func() {
		e.out.shut(false)
		e.in.shut(true)
	})
	return nil
}

func (e *end) LocalAddr() net.Addr  { return e.local }
func (e *end) RemoteAddr() net.Addr { return e.remote }

func (e *end) SetReadDeadline(t time.Time) error {
	e.in.set(&e.in.readBy, t)
	return nil
}

func (e *end) SetWriteDeadline(t time.Time) error {
	e.out.set(&e.out.writeBy, t)
	return nil
}

func (e *end) SetDeadline(t time.Time) error {
	return errors.Join(e.SetReadDeadline(t), e.SetWriteDeadline(t))
}
