//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// evil listens, and keeps whatever it is told.
type evil struct {
	net.Listener
	cert tls.Certificate
	mu   sync.Mutex
	met  int
	said bytes.Buffer
}

func newEvil(t *testing.T) *evil {
	t.Helper()
	s := httptest.NewTLSServer(nil)
	s.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	e := &evil{Listener: l, cert: s.TLS.Certificates[0]}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { e.listen(c) })
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return e
}

// listen shows its certificate, takes down what comes, and answers a request
// with a bare refusal.
func (e *evil) listen(c net.Conn) {
	e.mu.Lock()
	e.met++
	e.mu.Unlock()
	c = tls.Server(c, &tls.Config{Certificates: []tls.Certificate{e.cert}})
	defer c.Close()
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		e.mu.Lock()
		e.said.Write(b[:n])
		e.mu.Unlock()
		if err != nil {
			return
		}
		io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
	}
}

func (e *evil) heard() (met int, said string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.met, e.said.String()
}

// connection is a complete one to evil, without what is named.
func (e *evil) connection(t *testing.T, without ...string) json.RawMessage {
	t.Helper()
	_, port, err := net.SplitHostPort(e.Addr().String())
	require.NoError(t, err)
	sum := sha256.Sum256(e.cert.Certificate[0])
	all := map[string]string{"kscHost": "127.0.0.1", "kscPort": port, "kscCert": hex.EncodeToString(sum[:]), "kscUser": "evil-user", "kscPassword": "evil-password"}
	for _, name := range without {
		delete(all, name)
	}
	text, err := json.Marshal(all)
	require.NoError(t, err)
	return text
}

// carriers start the real program with a configured server and password, and
// give what speaks to it.
func carriers(t *testing.T, program string, environment []string) map[string]shared.Responder {
	t.Helper()
	serve := exec.Command(program, "serve")
	serve.Env = environment
	in, err := serve.StdinPipe()
	require.NoError(t, err)
	out, err := serve.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, serve.Start())
	lines, err := jsonl.NewClient(t.Context(), out, in)
	require.NoError(t, err)
	launched := exec.Command(program)
	launched.Env = environment
	plugin, err := rpc.Launch(t.Context(), launched, rpc.LaunchOptions{})
	require.NoError(t, err)
	all := map[string]shared.Responder{"jsonl": lines, "go-plugin": plugin}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		for name, r := range all {
			assert.NoError(t, r.Close(ctx), name)
		}
		assert.NoError(t, serve.Wait())
	})
	return all
}

// TestNoPasswordGoesToEvil: a request that brings half a connection has nothing
// sent anywhere, and a whole one sends what it says itself. In both the
// configured password, which the process holds, stays here.
func TestNoPasswordGoesToEvil(t *testing.T) {
	dir := t.TempDir()
	program, e := build(t, "kes-respond", dir), newEvil(t)
	at := startEmulator(t, dir, "", "", "--record", "record.jsonl")
	require.NoError(t, os.Mkdir(at.state, 0o700))
	for name, r := range carriers(t, program, at.environment()) {
		ask := func(connection json.RawMessage) (results []shared.Result) {
			for i, dry := range []bool{false, true} {
				id, err := shared.ParseID([]byte(fmt.Sprint(i)))
				require.NoError(t, err)
				results = append(results, r.Respond(t.Context(), shared.Request{
					Type: shared.TypeRespond, ID: id, Task: "isolateHost", TargetHost: "PC-12", Params: json.RawMessage(`{"action":1}`), HostLookup: shared.LookupDNS,
					Wait: shared.WaitSubmit, DryRun: dry, Connection: connection,
				}, func(shared.Event) {}))
			}
			return append(results, r.Status(t.Context(), shared.Request{
				Type: shared.TypeStatus, ID: shared.NewID(), Wait: shared.WaitSubmit, Incident: &shared.Incident{ID: "1"}, Connection: connection,
			}, func(shared.Event) {}))
		}
		half := []json.RawMessage{json.RawMessage(`{"kscHost":"evil"}`), e.connection(t, "kscCert", "kscUser", "kscPassword")}
		for _, one := range []string{"kscHost", "kscCert", "kscUser", "kscPassword"} {
			half = append(half, e.connection(t, one))
		}
		before, _ := e.heard()
		for _, connection := range half {
			for _, result := range ask(connection) {
				assert.Equal(t, shared.Refused, result.Outcome, "%s: %s", name, connection)
				assert.Equal(t, shared.BadRequest, result.Error.Code)
			}
			_, err := r.Check(t.Context(), shared.Request{Type: shared.TypeCheck, ID: shared.NewID(), Connection: connection})
			assert.Error(t, err)
		}
		after, _ := e.heard()
		assert.Equal(t, before, after, "%s: a connection was opened", name)

		for _, result := range ask(e.connection(t)) {
			assert.Equal(t, shared.Failed, result.Outcome, "%s: %+v", name, result)
			assert.Equal(t, shared.Login, result.Error.Code)
			assert.NotContains(t, fmt.Sprintf("%+v %+v", result, result.Error), "evil-password")
		}
	}
	b64 := base64.StdEncoding.EncodeToString
	met, said := e.heard()
	assert.Positive(t, met)
	assert.Contains(t, said, b64([]byte("evil-password")), "the listener does listen")
	for _, secret := range []string{emulatorPassword, b64([]byte(emulatorPassword)), "edr-operator", b64([]byte("edr-operator"))} {
		assert.NotContains(t, said, secret)
	}
	at.stop()
	record, err := os.ReadFile(at.record)
	require.NoError(t, err)
	assert.NotContains(t, string(record), "StartSession", "the configured server has nothing to do with it")

	one := exec.Command(program, "isolateHost", "--targetHost", "PC-12", "--action", "1", "--connection", string(e.connection(t)))
	one.Env = at.environment()
	text, err := one.CombinedOutput()
	require.Error(t, err)
	assert.Equal(t, shared.ExitUsage, one.ProcessState.ExitCode(), "the one-shot form has no such flag: %s", text)
}

// TestACertificateIsReplacedUnderServe: KSC comes back with another identity
// while serve runs. Requests end as tls with both SHA-256, and what answers now
// never hears a login.
func TestACertificateIsReplacedUnderServe(t *testing.T) {
	dir := t.TempDir()
	program, k := build(t, "kes-respond", dir), newChaosKSC(t, dir, 1)
	k.restart(t, "")
	require.NoError(t, os.Mkdir(k.at.state, 0o700))
	old, err := os.ReadFile(k.at.cert)
	require.NoError(t, err)
	serve := exec.Command(program, "serve")
	serve.Env = k.at.environment()
	in, err := serve.StdinPipe()
	require.NoError(t, err)
	out, err := serve.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, serve.Start())
	lines := bufio.NewScanner(out)
	ask := func(id int) (r struct {
		Outcome shared.Outcome
		Error   shared.Error
	},
	) {
		fmt.Fprintf(in, `{"id":%d,"task":"isolateHost","targetHost":"a","params":{"action":1},"hostLookup":"never","allowDuplicate":true}`+"\n", id)
		for lines.Scan() {
			if bytes.Contains(lines.Bytes(), []byte(`"type":"result"`)) {
				require.NoError(t, json.Unmarshal(lines.Bytes(), &r))
				return r
			}
		}
		t.Fatal("serve has ended")
		return r
	}
	require.Equal(t, shared.Submitted, ask(1).Outcome)
	k.stop(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "identity.pem")))
	require.NoError(t, os.Remove(k.at.record))
	k.restart(t, "")
	now, err := os.ReadFile(k.at.cert)
	require.NoError(t, err)
	for id := range 3 {
		r := ask(10 + id)
		require.Equal(t, shared.Failed, r.Outcome)
		assert.Equal(t, shared.TLS, r.Error.Code)
		assert.Contains(t, r.Error.Message, "expected SHA-256 "+pemDigest(t, old)+"; presented SHA-256 "+pemDigest(t, now)+" (")
		assert.Contains(t, r.Error.Assistance, "by another way than this connection")
	}
	require.NoError(t, in.Close())
	require.NoError(t, serve.Wait())
	k.stop(t)
	if record, err := os.ReadFile(k.at.record); err == nil {
		assert.Empty(t, string(record), "what answers now was told something")
	}
}

func pemDigest(t *testing.T, text []byte) string {
	t.Helper()
	block, _ := pem.Decode(text)
	require.NotNil(t, block)
	sum := sha256.Sum256(block.Bytes)
	return hex.EncodeToString(sum[:])
}

// TestAskedFilesAreCertificatesOnDisk: under the rules for the configuration's
// own, and nothing that is more than a file is opened.
func TestAskedFilesAreCertificatesOnDisk(t *testing.T) {
	dir := t.TempDir()
	good := file(t, filepath.Join(dir, "good.pem"), "x", 0o644)
	data, err := readAsked(good)
	require.NoError(t, err)
	assert.Equal(t, "x", string(data))
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(good, link))
	_, err = readAsked(link)
	require.NoError(t, err)
	kernel := filepath.Join(dir, "kernel") // a file of 4096 bytes, says stat
	require.NoError(t, os.Symlink("/sys/kernel/uevent_seqnum", kernel))
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	t.Chdir(dir)
	for _, path := range []string{
		"", "good.pem", "./good.pem", dir, pipe, "/dev/null", "/dev/zero", "/proc/self/environ", "/proc/kmsg", "/sys/kernel/uevent_seqnum", kernel, filepath.Join(dir, "none"), good + "\x00",
		file(t, filepath.Join(dir, "open.pem"), "x", 0o666), file(t, filepath.Join(dir, "empty.pem"), "", 0o644),
		file(t, filepath.Join(dir, "long.pem"), strings.Repeat("x", trusted.MaxBytes+1), 0o644),
	} {
		_, err := readAsked(path)
		assert.Error(t, err, path)
	}
}

func TestRequestConnectionsSetting(t *testing.T) {
	for text, refused := range map[string]bool{"": false, "requestConnections: true\n": false, "requestConnections: false\n": true} {
		set, _, err := together(t, "kscHost: a\nkscUser: u\n"+text, "", "kscPassword", "p")
		require.NoError(t, err)
		assert.Equal(t, refused, set.plugin.Connections.Refused, text)
		assert.NotNil(t, set.plugin.Connections.ReadCert)
	}
}
