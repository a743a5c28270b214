package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// Exit codes, as in sysexits.h.
const (
	exitOK       = 0
	exitUsage    = 64
	exitData     = 65
	exitListen   = 69
	exitInternal = 70
	exitFile     = 74
)

// failure is an error with the exit code it deserves.
type failure struct {
	code int
	err  error
}

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

func fail(code int, format string, a ...any) error { return failure{code, fmt.Errorf(format, a...)} }

// run serves until SIGTERM, SIGINT or the end of ctx, and gives the exit code. What it has to say goes to stdout, what
// went wrong to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	cmd := command(stdout)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "ksc-emulator: %v\n", err)
	var f failure
	if errors.As(err, &f) {
		return f.code
	}
	return exitUsage // all that cobra itself complains about
}

// serve runs one server from its first file to its last. The files that others wait for are written once it listens, the
// ready file after all others; the state is written when it has stopped.
func serve(ctx context.Context, f *flags, stdout io.Writer) (err error) {
	o, err := f.options()
	if err != nil {
		return err
	}
	if err := prepare(f); err != nil {
		return err
	}
	record, err := openRecord(f.record)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, record.close()) }()
	o.Record = record.writer()
	s, err := ksctest.New(o)
	switch {
	case errors.Is(err, ksctest.ErrContent):
		return fail(exitData, "%w", err)
	case err != nil:
		return fail(exitUsage, "%w", err)
	}
	defer s.Close()
	ln, err := listen(ctx, f.listen)
	if err != nil {
		return err
	}
	defer ln.Close()
	addr := ln.Addr().String()
	fmt.Fprintf(stdout, "listening on https://%s\nseed %d\ncertificate sha256 %x\n", addr, s.Seed(), sha256.Sum256(s.CertificateDER()))
	if err := writeFile(f.certOut, s.CertificatePEM(), forOthers); err != nil {
		return err
	}
	if err := writeFile(f.readyFile, []byte(addr+"\n"), forOthers); err != nil {
		return err
	}
	if err := s.Serve(ctx, ln); err != nil {
		return fail(exitInternal, "serving: %w", err)
	}
	s.Close()
	err = writeState(f.stateOut, s.State())
	if recordErr := s.RecordErr(); recordErr != nil {
		err = errors.Join(err, fail(exitFile, "writing the record: %w", recordErr))
	}
	return err
}

// loopback demands host:port with a host that is this machine's loopback, for anybody could give the fake orders, and learn
// from it.
func loopback(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fail(exitUsage, "--listen: %w", err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fail(exitUsage, "--listen %s: port %s is none", addr, port)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fail(exitUsage, "--listen %s: only a loopback address is allowed, such as 127.0.0.1:0", addr)
	}
	return nil
}

// listen takes an address that loopback let pass, and looks at what became of it: "localhost" is what this machine says.
func listen(ctx context.Context, addr string) (net.Listener, error) {
	var c net.ListenConfig
	ln, err := c.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fail(exitListen, "%w", err)
	}
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		ln.Close()
		return nil, fail(exitUsage, "--listen %s: this is no loopback address here", addr)
	}
	return ln, nil
}
