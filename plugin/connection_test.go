package plugin_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

const (
	otherAddr     = "other.example:13299"
	otherUser     = "soc-account"
	otherPassword = "another-secret"
)

// other is a KSC that no configuration knows.
type other struct {
	*ksctest.Server
	mu    sync.Mutex
	dials []string
}

func newOther(t testing.TB, o ksctest.Options) *other {
	t.Helper()
	o.User, o.Password, o.VServers = otherUser, otherPassword, []string{"Süd"}
	for i := range 101 {
		o.VServers = append(o.VServers, fmt.Sprint(i))
	}
	server, err := ksctest.New(o)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	return &other{Server: server}
}

// dial is the network of requests' own connections: other is wherever they go.
func (o *other) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	o.mu.Lock()
	o.dials = append(o.dials, addr)
	o.mu.Unlock()
	return o.Dial(ctx, network, addr)
}

func (o *other) beside(c *plugin.Config) { c.Connections.Dial = o.dial }

func (o *other) pin() string {
	sum := sha256.Sum256(o.CertificateDER())
	return hex.EncodeToString(sum[:])
}

func (o *other) count(method string) (n int) {
	for _, c := range o.Calls() {
		if strings.HasSuffix(c.Path, method) {
			n++
		}
	}
	return n
}

// connection is the member for other; changes replace or, empty, drop members.
func (o *other) connection(changes ...string) string {
	members := map[string]string{"kscHost": "other.example", "kscPort": "13299", "kscCert": o.pin(), "kscUser": otherUser, "kscPassword": otherPassword}
	for i := 0; i < len(changes); i += 2 {
		if delete(members, changes[i]); changes[i+1] != "" {
			members[changes[i]] = changes[i+1]
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		panic(err)
	}
	return `,"connection":` + string(text)
}

func base64Of(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func member(line, extra string) string { return strings.TrimSuffix(line, "}") + extra + "}" }

// TestARequestBringsItsServer: the configured one hears nothing of it, and the
// ledger, the events and the answers name the server by its address.
func TestARequestBringsItsServer(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, o := newSite(t, dir, ksctest.Options{}), newOther(t, ksctest.Options{})
		p := s.start(t, nil, o.beside)
		pem, err := json.Marshal(string(o.CertificatePEM()))
		require.NoError(t, err)
		for i, connection := range []string{
			o.connection(), o.connection("kscPort", ""), o.connection("kscHost", "OTHER.example"),
			strings.Replace(o.connection(), `"`+o.pin()+`"`, string(pem), 1), strings.Replace(o.connection(), `"13299"`, `13299`, 1),
		} {
			events, result := p.send(t, member(unkeyed(fmt.Sprint(i), "isolateHost", `{"action":1}`), `,"allowDuplicate":true`+connection))
			require.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
			assert.Equal(t, otherAddr, result.Incident.Server)
			assert.Equal(t, "accepted", events[0].Type())
			where, err := json.Marshal(map[string]string{"id": result.Incident.ID, "server": result.Incident.Server})
			require.NoError(t, err)
			r, refusal := shared.ParseRequest([]byte(`{"type":"status","incident":` + string(where) + connection + `}`))
			require.Nil(t, refusal)
			assert.Equal(t, shared.Pending, p.Status(t.Context(), r, func(shared.Event) {}).Outcome)
			r.Connection = nil
			alone := p.Status(t.Context(), r, func(shared.Event) {})
			assert.Equal(t, shared.Refused, alone.Outcome)
			assert.Contains(t, alone.Error.Violations[0].Message, "asked about with that connection")
			assert.Equal(t, otherAddr, s.records(t)[0].Server)
		}
		assert.Len(t, o.Incidents(), 5)
		r, refusal := shared.ParseRequest([]byte(`{"type":"check"` + o.connection() + `}`))
		require.Nil(t, refusal)
		checked, err := p.Check(t.Context(), r)
		require.NoError(t, err)
		assert.True(t, checked.Passed, "%+v", checked.Error)
		assert.Equal(t, otherAddr, checked.Server)
		require1(t, s, 0)
		assert.Empty(t, s.ksc.Calls(), "the configured server was asked")
		for _, addr := range o.dials {
			assert.Equal(t, otherAddr, addr)
		}
		_, result := p.send(t, member(isolate(""), o.connection("kscVServer", "Süd")))
		assert.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
		assert.Equal(t, otherAddr+"/Süd", result.Incident.Server)
	})
}

// TestNoConnectionIsMerged: what is not complete is refused in every kind of
// request, and nothing leaves for anywhere.
func TestNoConnectionIsMerged(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, o := newSite(t, dir, ksctest.Options{}), newOther(t, ksctest.Options{})
		p := s.start(t, nil, o.beside)
		for at, connection := range map[string]string{
			"kscCert": `,"connection":{"kscHost":"evil"}`, "kscHost": o.connection("kscHost", ""), "kscUser": o.connection("kscUser", ""),
			"kscPassword": o.connection("kscPassword", ""), "kscCert ": o.connection("kscCert", ""), "kschost": o.connection("kschost", "a"),
			"kscCert  ": o.connection("kscCert", "False"), "kscPort": o.connection("kscPort", "0"), "kscHost ": o.connection("kscHost", "a:1"), "kscDomain": o.connection("kscDomain", `a"b`),
			"kscPasswordFile": o.connection("kscPasswordFile", "/etc/shadow"), "": `,"server":"main"` + o.connection(), "kscHost  ": o.connection("kscHost", "a?b"),
		} {
			pointer := strings.TrimSuffix("/connection/"+strings.TrimSpace(at), "/")
			for _, line := range []string{isolate(""), `{"type":"status","incident":{"id":"1"}}`, `{"type":"check"}`} {
				r, refusal := shared.ParseRequest([]byte(member(line, connection)))
				require.Nil(t, refusal)
				var e *shared.Error
				switch r.Type {
				case shared.TypeCheck:
					_, err := p.Check(t.Context(), r)
					require.ErrorAs(t, err, &e, connection)
				case shared.TypeStatus:
					e = p.Status(t.Context(), r, func(shared.Event) {}).Error
				default:
					e = p.Respond(t.Context(), r, func(shared.Event) {}).Error
				}
				require.NotNil(t, e, connection)
				assert.Equal(t, shared.BadRequest, e.Code)
				assert.Equal(t, pointer, e.Violations[0].Pointer, connection)
				assert.NotContains(t, fmt.Sprint(e, e.Violations), otherPassword)
			}
		}
		r, refusal := shared.ParseRequest([]byte(`{"type":"status","incident":{"id":"1","server":"main"}` + o.connection() + `}`))
		require.Nil(t, refusal)
		assert.Equal(t, "/incident/server", p.Status(t.Context(), r, nil).Error.Violations[0].Pointer)
		assert.Empty(t, o.dials)
		assert.Empty(t, s.ksc.Calls())
		assert.NoDirExists(t, s.dir, "nothing was worth a record")
	})
}

func TestConnectionsCanBeSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOther(t, ksctest.Options{})
		p, err := plugin.New(t.Context(), plugin.Config{Connections: plugin.Connections{Refused: true, Dial: o.dial}})
		require.NoError(t, err)
		_, result := pair{p, o.Server}.send(t, member(isolate(`,"dryRun":true,"hostLookup":"never"`), o.connection()))
		require.Equal(t, shared.BadRequest, result.Error.Code)
		assert.Contains(t, result.Error.Violations[0].Message, "requestConnections")
		assert.Empty(t, o.dials)
		assert.NoError(t, p.Close(t.Context()))
	})
}

// TestAFileOfAConnectionTellsNothing: whatever is wrong with it, the refusal is
// the same, byte for byte.
func TestAFileOfAConnectionTellsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOther(t, ksctest.Options{})
		files := map[string]func() ([]byte, error){
			"/is/there":   func() ([]byte, error) { return o.CertificatePEM(), nil },
			"/is/none":    func() ([]byte, error) { return []byte("root:x:0:0"), nil },
			"/is/empty":   func() ([]byte, error) { return nil, nil },
			"/not/ours":   func() ([]byte, error) { return nil, errors.New("belongs to root") },
			"/not/there":  func() ([]byte, error) { return nil, os.ErrNotExist },
			"relative/to": func() ([]byte, error) { return nil, os.ErrNotExist },
		}
		p, err := plugin.New(t.Context(), plugin.Config{Connections: plugin.Connections{Dial: o.dial, ReadCert: func(path string) ([]byte, error) { return files[path]() }}})
		require.NoError(t, err)
		texts := map[string]int{}
		for path := range files {
			_, result := pair{p, o.Server}.send(t, member(isolate(""), o.connection("kscCert", path)))
			if path == "/is/there" {
				assert.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
				continue
			}
			text, err := json.Marshal(result)
			require.NoError(t, err)
			texts[string(text)]++
		}
		assert.Len(t, texts, 1)
		require.NoError(t, p.Close(t.Context()))
	})
}

// TestNoSecretOfAConnectionIsSaid in any answer, in the ledger's files or when a
// request is printed, whatever goes wrong.
func TestNoSecretOfAConnectionIsSaid(t *testing.T) {
	for name, options := range map[string]ksctest.Options{
		"nothing wrong": {}, "locked": {Locked: true}, "denied": {Denied: []string{addMethod}}, "html": {Mischief: map[string]float64{"html": 1}},
		"lost": {Mischief: map[string]float64{"drop-after-store@" + addMethod: 1}}, "swapped": {Mischief: map[string]float64{"swap-cert": 1}}, "echo": {Mischief: map[string]float64{"truncate": 1}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				s, o := newSite(t, dir, ksctest.Options{}), newOther(t, options)
				p := s.start(t, nil, o.beside)
				var said strings.Builder
				for _, line := range []string{isolate(""), isolate(`,"dryRun":true`), isolate(`,"hostLookup":"never"`), keyed("2", "k")} {
					line = member(line, o.connection())
					r, refusal := shared.ParseRequest([]byte(line))
					require.Nil(t, refusal)
					fmt.Fprintf(&said, "%v %+v %#v", p.Plugin, refusal, p.Plugin)
					events, result := p.send(t, line)
					for _, e := range append(events, shared.Event{ID: r.ID, Result: &result}) {
						text, err := shared.EventLine(e)
						require.NoError(t, err)
						said.Write(text)
					}
					r.Type = shared.TypeCheck
					checked, err := p.Check(t.Context(), r)
					require.NoError(t, err)
					text, err := json.Marshal(checked)
					require.NoError(t, err)
					said.Write(text)
				}
				require.NoError(t, filepath.Walk(s.dir, func(path string, info os.FileInfo, err error) error {
					if err != nil || !info.Mode().IsRegular() {
						return err
					}
					data, err := os.ReadFile(path)
					said.Write(data)
					return err
				}))
				for _, secret := range []string{otherPassword, base64Of(otherPassword), otherUser, fmt.Sprint([]byte(otherPassword))} {
					assert.NotContains(t, said.String(), strings.Trim(secret, "[]"))
				}
			})
		})
	}
}

// TestAnEvilServerGetsWhatTheRequestSays: a complete connection logs in there,
// with its own password and nothing else.
func TestAnEvilServerGetsWhatTheRequestSays(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, evil := newSite(t, dir, ksctest.Options{}), newOther(t, ksctest.Options{})
		p := s.start(t, nil, evil.beside)
		_, result := p.send(t, isolate(""))
		require.Equal(t, shared.Submitted, result.Outcome)
		_, result = p.send(t, member(strings.Replace(isolate(""), `"1"`, `"2"`, 1), evil.connection()))
		require.Equal(t, shared.Submitted, result.Outcome)
		synctest.Wait()
		var heard strings.Builder
		for _, c := range evil.Calls() {
			fmt.Fprintf(&heard, "%+v\n", c)
		}
		assert.Contains(t, heard.String(), base64Of(otherPassword))
		for _, secret := range secrets(t, p.pair, "edr-operator", base64Of("edr-operator")) {
			assert.NotContains(t, heard.String(), secret)
		}
	})
}
