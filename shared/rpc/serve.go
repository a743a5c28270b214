package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/kes-respond/kes-respond/shared"
)

// Serve is the plugin that the host asked for. It returns when the host has
// told it to leave, when ctx ends, or when the host has died: then it takes no
// more requests, cancels those that run, closes r, sends the host what is left
// to say, and only then cuts the connection. A host's Kill waits for that, and
// a second Kill with it. What has not ended within the grace period is reported
// as unknown and left behind.
//
// Of the signals ctx should end with SIGTERM alone. SIGINT reaches a whole
// terminal, and it is the host that decides what to do about it: go-plugin
// ignores it from here on. SIGPIPE has to be ignored, or a host that dies takes
// the plugin along in the middle of a task.
//
// The error is nil for all orderly ends; else it says why nothing was served,
// wraps ErrAbandoned, or is what closing r gave.
func Serve(ctx context.Context, r shared.Responder, i *Invitation, o Options) error {
	o = o.filled()
	s := &serving{
		ctx: ctx, service: newService(r, o), invitation: i, options: o,
		made: make(chan struct{}), over: make(chan struct{}), ending: make(chan struct{}),
	}
	err := s.prepare()
	if err == nil {
		err = s.run()
	} else {
		close(s.over)
	}
	s.leave() // unless it has
	return errors.Join(err, s.failed)
}

// prepare makes ready what go-plugin needs. Its error says why it cannot serve.
func (s *serving) prepare() error {
	s.remove = func() error { return nil }
	if err := refuseOpen(runtime.GOOS, s.invitation.said[envClientCert]); err != nil {
		return err
	}
	remove, err := s.invitation.socketDir(runtime.GOOS)
	if err != nil {
		return err
	}
	s.remove = remove
	return s.invitation.restore()
}

// run runs go-plugin to its end.
func (s *serving) run() error {
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch()
	}()
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: Handshake(), VersionedPlugins: pluginSets(s.service), GRPCServer: s.server, Logger: quietLog(s.invitation.stderr),
	})
	close(s.over)
	<-watched
	s.invitation.withdraw()
	if s.grpc == nil {
		return errors.New("the plugin's socket could not be opened; the reason stands above")
	}
	return nil
}

// quietLog is where go-plugin says what went wrong in it, for the host to read.
func quietLog(w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: w, Level: hclog.Warn, JSONFormat: true, Name: "go-plugin"})
}

// serving is one run of Serve.
type serving struct {
	ctx        context.Context
	service    *service
	invitation *Invitation
	options    Options
	grpc       *grpc.Server
	made       chan struct{} // closed when grpc is set
	over       chan struct{} // closed when go-plugin has returned
	ending     chan struct{} // closed when nothing is left to carry out
	remove     func() error  // takes the socket away
	first, end sync.Once
	failed     error // why it did not end well; set before ending is closed
}

// server is what go-plugin serves with.
func (s *serving) server(given []grpc.ServerOption) *grpc.Server {
	room := newRoom(s.options.MaxInFlightBytes)
	server := grpc.NewServer(append(
		given,
		grpc.MaxRecvMsgSize(MaxMessageBytes),
		grpc.ChainUnaryInterceptor(s.unary),
		grpc.ChainStreamInterceptor(s.stream, room.stream),
	)...)
	s.grpc = server
	close(s.made)
	return server
}

// settled is called first by every call: by then go-plugin has read and printed
// all it wants to.
func (s *serving) settled() { s.first.Do(func() { s.invitation.withdraw() }) }

// unary stands before every call with one answer. The one by which a host ends
// the plugin would cut all connections at once; it gets its answer when there
// is nothing to be lost. A second Kill of the host waits with the first.
func (s *serving) unary(ctx context.Context, in any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	s.settled()
	if info.FullMethod == "/plugin.GRPCController/Shutdown" {
		s.leave()
		return lastWord(), nil
	}
	return next(ctx, in)
}

// lastWord is the answer to a host that ends the plugin, which then closes its
// end and hears no more. gRPC sends what it has for each call by turns, 16 KiB at
// a time: so this answer is longer than what any other call can have left to
// send, and the host has the others before it has all of this one. What it
// carries is a member that the host does not know and skips.
func lastWord() *emptypb.Empty {
	const longer = 8 * shared.MaxEventBytes
	word := &emptypb.Empty{}
	word.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), make([]byte, longer)))
	return word
}

// stream stands before every call with a stream of answers. Those of go-plugin
// itself would last for ever; they end when the plugin does.
func (s *serving) stream(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	s.settled()
	if _, ours := srv.(*service); ours {
		return next(srv, ss)
	}
	returned := make(chan error, 1)
	go func() { returned <- next(srv, ss) }()
	select {
	case err := <-returned:
		return err
	case <-s.ending:
		return nil
	}
}

// hangUp is how long the last answers may take to reach a host that may not be
// reading, or that reads on to the end of the stream.
const hangUp = 3 * time.Second

// goodbye is how long the server may take to end once they have. A host waits
// two seconds before it kills.
const goodbye = time.Second

// closeBound is how long closing the Responder may take, once nothing runs. One
// that takes twice as long is left behind.
const closeBound = 5 * time.Second

// leave has all requests end, closes the Responder, takes the socket away, and
// then ends the server: what has been answered is sent before the connection is
// cut. When it returns there is nothing left to be lost: a host may kill.
func (s *serving) leave() {
	s.end.Do(func() {
		if left := s.service.calls.drain(s.options.Grace); left > 0 {
			s.failed = fmt.Errorf("%w: %d", ErrAbandoned, left)
		}
		s.failed = errors.Join(s.failed, s.closeResponder(), s.remove())
		await(s.service.calls.gone, hangUp+goodbye)
		close(s.ending)
		select {
		case <-s.made:
		case <-s.over:
		}
		if s.grpc != nil {
			go s.stop()
		}
	})
}

func (s *serving) closeResponder() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), closeBound)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- s.service.responder.Close(ctx) }()
	timer := time.NewTimer(2 * closeBound)
	defer timer.Stop()
	select {
	case err := <-closed:
		return err
	case <-timer.C:
		return fmt.Errorf("closing took longer than %s", 2*closeBound)
	}
}

// stop ends the server when all has been sent, or the goodbye is over.
func (s *serving) stop() {
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.grpc.GracefulStop()
	}()
	await(stopped, goodbye)
	s.grpc.Stop()
}

// orphanTick is how often the plugin looks whether its host is there.
const orphanTick = 250 * time.Millisecond

// watch ends the serving when ctx has ended or the host has gone.
func (s *serving) watch() {
	tick := time.NewTicker(orphanTick)
	defer tick.Stop()
	for told := false; !told; {
		select {
		case <-s.over:
			return
		case <-s.ctx.Done():
			told = true
		case <-tick.C:
			told = s.invitation.process.Orphaned()
		}
	}
	s.leave()
}
