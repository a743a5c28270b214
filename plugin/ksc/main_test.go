package ksc_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// TestMain makes this machine trust systemCA, before anything has read its
// real roots, and fails when a goroutine is left over.
func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "ksc")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		file := filepath.Join(dir, "roots.pem")
		if err := errors.Join(
			os.WriteFile(file, pemOf(systemCA().Certificate[0]), 0o600),
			os.Setenv("SSL_CERT_FILE", file), os.Setenv("SSL_CERT_DIR", dir),
		); err != nil {
			panic(err)
		}
		code := m.Run()
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return code
	}())
}

const (
	user         = "edr-operator"
	password     = `p@ss "wörd"`
	hostID       = "e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f"
	kscAddr      = "ksc.example:13299"
	recordsBytes = 2 << 20
	sessionID    = "nsPbUpP1oAVZlM1lODEbg8A=="
)

// client makes a client of a server; change may alter its configuration.
func client(t testing.TB, dial func(context.Context, string, string) (net.Conn, error), change ...func(*ksc.Config)) *ksc.Client {
	t.Helper()
	config := ksc.Config{
		Addr: kscAddr, User: user, Password: password, Trust: trustIn(t, plainCert()), Dial: dial, CallTimeout: 30 * time.Second,
	}
	for _, f := range change {
		f(&config)
	}
	c, err := ksc.New(config)
	require.NoError(t, err)
	c.LimitRecords(recordsBytes)
	t.Cleanup(func() { c.Close(context.Background()) }) //nolint:errcheck // the server may be past answering
	return c
}

// failed demands an *ksc.Error that shows no secret however it is printed.
func failed(t testing.TB, err error) *ksc.Error {
	t.Helper()
	var e *ksc.Error
	require.ErrorAs(t, err, &e)
	noSecret(t, e)
	noSecret(t, struct{ inner error }{e})
	assert.LessOrEqual(t, len(e.Excerpt), 700, "the excerpt is bounded")
	assert.LessOrEqual(t, len(e.Error()), 4000, "the text is bounded")
	assert.NotRegexp(t, `[\x00-\x1f\x7f]`, e.Error(), "the text is printable")
	return e
}

// noSecret prints a value in every way a program prints values.
func noSecret(t testing.TB, v any) {
	t.Helper()
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
	asJSON, _ := json.Marshal(v)
	all := fmt.Sprintf("%v %+v %#v %s %q %x %d", v, v, v, v, v, v, v) + string(asJSON) + log.String()
	for name, secret := range secrets() {
		if strings.Contains(all, secret) {
			assert.Fail(t, "a secret is printed", "%s, of a %T: %s", name, v, all)
		}
	}
}

func secrets() map[string]string {
	quoted, _ := json.Marshal(password)
	return map[string]string{
		"the password":            password,
		"the password in JSON":    strings.Trim(string(quoted), `"`),
		"the password in base64":  base64.StdEncoding.EncodeToString([]byte(password)),
		"the password in hex":     fmt.Sprintf("%x", password),
		"the session":             sessionID,
		"the session's beginning": sessionID[:20],
		"the password's, base64":  base64.StdEncoding.EncodeToString([]byte(password))[:12],
	}
}
