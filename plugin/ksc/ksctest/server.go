package ksctest

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	cryptorand "crypto/rand"
)

// Server is one emulated Administration Server. All its methods may be called from several goroutines.
// Close ends everything it started.
type Server struct {
	opts     Options
	seed     uint64
	table    map[string]method
	cert     tls.Certificate
	swapped  func() (tls.Certificate, error)
	http     *http.Server
	packer   compressor
	incoming *handover
	done     chan struct{}
	loop     sync.WaitGroup // what takes connections from incoming
	conns    sync.WaitGroup // connections being served
	stores   sync.WaitGroup // what "store-late" has still to do; only handlers add to it

	mu          sync.Mutex // guards all below; never held while waiting or writing to a client
	random      *rand.Rand
	mischief    []rule
	lastConn    int
	generation  int // of logins; EndSessions starts the next
	sessions    map[string]*session
	tokens      map[string]time.Time
	gatewayKeys map[string]gatewayKey
	failures    int
	password    string
	hosts       []row
	products    map[string]row
	incidents   map[int64]*Incident
	lastID      int64
	tasks       []*consoleTask // by age
	pending     []pendingTask  // by rising time
	course      TaskOptions    // of incidents that the console learns of from now on
	consoleOff  bool
	steps       []*step // still to be carried out, in the order of the document
	storings    int     // incidents stored since the start
	rights      []right
	woken       map[int64]bool // incidents that the console knows of
	lastTask    int64
	results     map[string]*resultSet
	unreleased  map[string]int // result sets by kind
	actions     map[string]*action
	listeners   map[string]*listener // by owner
	lastSub     int64
	gates       map[string][]*gate // by the owner that prepared them
	swept       time.Time
	calls       callLog
	recordErr   error
}

// connection is what the server remembers of one client connection.
type connection struct {
	net.Conn
	id         int
	user       bool // logged in by /api/v1.0/login
	generation int  // of logins, when it did
	factor     bool // the password was right, the second factor is awaited
	swapped    bool // met with the wrong certificate
	gate       *gate
}

type connectionKey struct{}

// ErrContent is at the root of what New says against Options.Inventory, Options.State and Options.Scenario.
var ErrContent = errors.New("ksctest: impossible content")

// New makes a server and starts what serves its connections; call Close when done with it.
func New(o Options) (*Server, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	s := &Server{
		opts: o, course: o.Tasks, consoleOff: o.ConsoleOff, rights: []right{{methods: o.Denied}}, password: o.Password, seed: o.Seed, table: methods(), done: make(chan struct{}),
		sessions: map[string]*session{}, tokens: map[string]time.Time{}, incidents: map[int64]*Incident{},
		results: map[string]*resultSet{}, actions: map[string]*action{}, listeners: map[string]*listener{}, gates: map[string][]*gate{}, gatewayKeys: map[string]gatewayKey{}, unreleased: map[string]int{}, products: map[string]row{}, woken: map[int64]bool{},
		swapped: sync.OnceValues(newCertificate),
	}
	for s.seed == 0 {
		var b [8]byte
		cryptorand.Read(b[:]) //nolint:errcheck // documented never to fail
		s.seed = binary.LittleEndian.Uint64(b[:])
	}
	if err := errors.Join(s.checkRights(), s.SetMischief(o.Mischief), s.loadCertificate()); err != nil {
		return nil, err
	}
	if err := errors.Join(s.loadHosts(o.Inventory), s.loadState(o.State)); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContent, err)
	}
	if err := s.loadScenario(o.Scenario); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrContent, err)
	}
	// A restart with the seed of before neither knows the sessions of before nor does the same mischief once more.
	s.random = rand.New(rand.NewPCG(s.seed, s.seed+uint64(s.lastID)))
	s.incoming = &handover{conns: make(chan net.Conn), done: s.done}
	s.http = &http.Server{
		Handler:      http.HandlerFunc(s.handle),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 only
		ErrorLog:     log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connectionKey{}, c.(*tls.Conn).NetConn().(*connection))
		},
		ConnState: func(c net.Conn, st http.ConnState) {
			switch st {
			case http.StateNew:
				s.conns.Add(1)
			case http.StateClosed:
				s.left(c)
				s.conns.Done()
			}
		},
	}
	s.loop.Go(func() { s.http.Serve(s.incoming) }) //nolint:errcheck // ends with errClosed at Close
	return s, nil
}

// Serve takes connections from ln until ctx ends or Close is called, then closes ln and returns nil.
// Connections already taken live on until Close. The error is that of a listener which failed by itself.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	stopped := make(chan struct{})
	left := make(chan struct{})
	go func() {
		defer close(left)
		select {
		case <-ctx.Done():
		case <-s.done:
		case <-stopped:
		}
		ln.Close()
	}()
	defer func() { close(stopped); <-left }()
	for {
		c, err := ln.Accept()
		if err != nil {
			if ctx.Err() != nil || s.closed() {
				return nil
			}
			return err
		}
		s.ServeConn(c)
	}
}

// ServeConn speaks TLS and then HTTP/1.1 on c as the server. It returns at once; c is closed at the latest by Close.
func (s *Server) ServeConn(c net.Conn) {
	s.mu.Lock()
	s.play(s.now())
	s.lastConn++
	k := &connection{Conn: c, id: s.lastConn, swapped: s.strikes(knobSwapCert, "")}
	s.mu.Unlock()
	s.incoming.give(tls.Server(k, s.tlsConfig(k.swapped)))
}

// Dial gives the client's end of an in-memory connection to this server: it fits http.Transport.DialContext. Network and
// address only name the far end. Nothing below it touches the operating system, so it works inside a synctest bubble.
func (s *Server) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	if s.closed() {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	client, server := newPipe(network, addr)
	s.ServeConn(server)
	return client, nil
}

// Close drops every connection, makes Serve return, discards what "store-late" had not stored yet, and waits until every
// goroutine that the server itself started has ended. It may be called more than once.
func (s *Server) Close() {
	s.mu.Lock()
	if !s.closed() {
		close(s.done)
	}
	s.mu.Unlock()
	s.loop.Wait()
	s.http.Close()
	s.conns.Wait()
	s.stores.Wait()
}

// Seed is the seed in use: the one given, or the one picked.
func (s *Server) Seed() uint64 { return s.seed }

func (s *Server) closed() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// now is the server's clock.
func (s *Server) now() time.Time { return time.Now().UTC().Add(s.opts.ClockSkew) }

// left forgets what a login by connection made on a connection that is gone.
func (s *Server) left(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(connOwner(c.(*tls.Conn).NetConn().(*connection)))
}

// pause waits for d and says whether the wait ran to its end; it ends early when ctx or the server does.
func (s *Server) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	case <-s.done:
		return false
	}
}
