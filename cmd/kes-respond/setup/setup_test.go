package setup_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/setup"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

func code(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return shared.ExitOK
	}
	end, is := errors.AsType[*exit.Error](err)
	require.True(t, is, "%v", err)
	return end.Code
}

// complete is a setup of which all is known, of a KSC that is there. Its Try lets
// everything pass, and counts.
func complete(t *testing.T, path string) (u setup.Setup, tried *int) {
	t.Helper()
	server, err := ksctest.New(ksctest.Options{User: "edr-operator", Password: "demo-only"})
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		<-ended
		server.Close()
	})
	host, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	pin := sha256.Sum256(server.CertificateDER())
	tried = new(int)
	return setup.Setup{
		Path:   path,
		Given:  map[string]string{"kscHost": host, "kscPort": port, "kscUser": "edr-operator", "pin": hex.EncodeToString(pin[:])},
		Getenv: func(name string) string { return map[string]string{"kscPassword": "demo-only"}[name] },
		Out:    new(strings.Builder), Err: new(strings.Builder), UserAgent: "test",
		Try: func(_ context.Context, server config.Server, area string) (shared.Checked, error) {
			*tried++
			assert.Equal(t, "edr-operator", server.User)
			assert.Equal(t, shared.DefaultArea, area)
			return shared.Checked{Passed: true, Server: "default"}, nil
		},
	}, tried
}

// TestNothingIsWrittenThatDoesNotWork and then all of it, for its owner.
func TestNothingIsWrittenThatDoesNotWork(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "conf")
	path := filepath.Join(folder, "config.yaml")
	u, tried := complete(t, path)

	another := u
	another.Given = map[string]string{"kscHost": u.Given["kscHost"], "kscPort": u.Given["kscPort"], "kscUser": "edr-operator", "pin": strings.Repeat("0", 64)}
	err := another.Run(t.Context())
	assert.Equal(t, shared.ExitReach, code(t, err))
	require.ErrorContains(t, err, "not the certificate that --pin names")
	assert.Zero(t, *tried, "no password leaves")

	refused := u
	refused.Try = func(context.Context, config.Server, string) (shared.Checked, error) {
		return shared.Checked{Error: &shared.Error{Code: shared.Login}}, nil
	}
	err = refused.Run(t.Context())
	assert.Equal(t, shared.ExitLogin, code(t, err))
	require.EqualError(t, err, "nothing was written")
	assert.NoDirExists(t, folder)

	require.NoError(t, u.Run(t.Context()))
	assert.Equal(t, 1, *tried)
	file, err := config.Read(path)
	require.NoError(t, err)
	assert.Equal(t, u.Given["kscHost"], file.Host)
	assert.Equal(t, config.Certs{u.Given["pin"]}, file.Cert)
	assert.Equal(t, filepath.Join(folder, "password"), file.PasswordFile)
	password, err := os.ReadFile(file.PasswordFile)
	require.NoError(t, err)
	assert.Equal(t, "demo-only\n", string(password))
	if runtime.GOOS == "windows" {
		return
	}
	for name, mode := range map[string]fs.FileMode{path: 0o640, file.PasswordFile: 0o600} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm(), name)
	}
}

// TestWhatIsThereIsLeftAsItIs before anything is asked that would be lost.
func TestWhatIsThereIsLeftAsItIs(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there.yaml")
	require.NoError(t, os.WriteFile(there, []byte("kscHost: a\n"), 0o600))
	for name, c := range map[string]struct {
		path  string
		force bool
		says  string
	}{
		"a file":              {there, false, "is there already; --force true replaces it"},
		"a folder":            {dir, true, "is no file and is left as it is"},
		"the password's":      {filepath.Join(dir, "password"), true, "is where the password goes"},
		"the password on way": {filepath.Join(dir, "password.new"), true, "is where the password goes"},
	} {
		t.Run(name, func(t *testing.T) {
			u := setup.Setup{Path: c.path, Force: c.force, Getenv: func(string) string { return "" }, Out: new(strings.Builder), Err: new(strings.Builder)}
			err := u.Run(t.Context())
			assert.Equal(t, shared.ExitUsage, code(t, err))
			require.ErrorContains(t, err, c.says)
		})
	}
	text, err := os.ReadFile(there)
	require.NoError(t, err)
	assert.Equal(t, "kscHost: a\n", string(text))
}

// TestWhatNobodyCanBeAskedIsNamed by the flag that says it.
func TestWhatNobodyCanBeAskedIsNamed(t *testing.T) {
	for missing, says := range map[string]string{
		"kscHost": "--kscHost is required where nobody can be asked",
		"kscUser": "--kscUser is required where nobody can be asked",
		"pin":     "and say --pin ",
	} {
		path := filepath.Join(t.TempDir(), "conf", "config.yaml")
		u, tried := complete(t, path)
		delete(u.Given, missing)
		err := u.Run(t.Context())
		assert.Equal(t, shared.ExitUsage, code(t, err), missing)
		require.ErrorContains(t, err, says)
		assert.Zero(t, *tried)
		assert.NoDirExists(t, filepath.Dir(path))
	}
}
