package main

import (
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// TestFalseIsExplicitAndWarns: only these four, from the file or the
// environment, switch the check off, and each time somebody is told.
func TestFalseIsExplicitAndWarns(t *testing.T) {
	const base = "kscHost: a\nkscUser: u\n"
	const warning = "kes-respond: warning: kscCert is False for server default: the server's certificate is not checked, and whoever stands between can read the password\n"
	for _, off := range []string{"false", "False", "FALSE", "'False'", "'false'", `"FALSE"`} {
		set, said, err := together(t, base+"kscCert: "+off+"\n", "", "kscPassword", "p")
		require.NoError(t, err, off)
		assert.True(t, set.plugin.Servers["default"].Trust.Insecure, off)
		assert.Equal(t, warning, said, off)
	}
	for _, off := range []string{"False", "false", "FALSE"} {
		set, said, err := together(t, base, "", "kscPassword", "p", "kscCert", off)
		require.NoError(t, err, off)
		assert.True(t, set.plugin.Servers["default"].Trust.Insecure, off)
		assert.Equal(t, warning, said, off)
	}
	for _, other := range []string{"no", "off", "0", "None", "fAlse", " False"} {
		_, _, err := together(t, base, "", "kscPassword", "p", "kscCert", other)
		assert.True(t, errors.Is(err, os.ErrNotExist), "%q is a file that is not there: %v", other, err)
	}
	set, said, err := together(t, base+"kscCert: False\n", "", "kscPassword", "p", "kscCert", strings.Repeat("ab", 32))
	require.NoError(t, err)
	assert.False(t, set.plugin.Servers["default"].Trust.Insecure, "the environment comes first")
	assert.Empty(t, said)
	set, _, err = together(t, base, "", "kscPassword", "p", "kscCert", "")
	require.NoError(t, err)
	assert.Equal(t, ksc.Trust{}, set.plugin.Servers["default"].Trust)
}

func TestProxy(t *testing.T) {
	set, _, err := together(t, "kscHost: ksc.example\nkscUser: u\n", "", "kscPassword", "p", "https_proxy", "http://proxy.example:3128", "NO_PROXY", "direct.example")
	require.NoError(t, err)
	to := func(raw string) string {
		u, err := set.plugin.Servers["default"].Proxy(mustURL(t, raw))
		require.NoError(t, err)
		if u == nil {
			return ""
		}
		return u.String()
	}
	assert.Equal(t, "http://proxy.example:3128", to("https://ksc.example:13299/"))
	assert.Empty(t, to("https://direct.example:13299/"))
	assert.Empty(t, to("https://127.0.0.1:13299/"))
}

// TestAProxyThatCannotBeReadIsNotGonePast: whoever named one did not mean the direct
// way. What was named may have a password in it.
func TestAProxyThatCannotBeReadIsNotGonePast(t *testing.T) {
	for _, named := range []string{"http://user:S3cr3t%zz@proxy.example:3128", "::S3cr3t", "http://", "http://proxy.example:S3cr3t", "/S3cr3t"} {
		set, _, err := together(t, "kscHost: ksc.example\nkscUser: u\n", "", "kscPassword", "p", "HTTPS_PROXY", named, "NO_PROXY", "direct.example")
		require.NoError(t, err)
		via := set.plugin.Servers["default"].Proxy
		_, err = via(mustURL(t, "https://ksc.example:13299/"))
		assert.EqualError(t, err, "HTTPS_PROXY cannot be read as the address of a proxy", named)
		for _, direct := range []string{"https://direct.example:13299/", "https://127.0.0.1:13299/"} {
			to, err := via(mustURL(t, direct))
			assert.NoError(t, err, named)
			assert.Nil(t, to, named)
		}
	}
	for _, named := range []string{"proxy.example:3128", "proxy.example", "http://u:p@proxy.example:3128"} {
		set, _, err := together(t, "kscHost: ksc.example\nkscUser: u\n", "", "kscPassword", "p", "HTTPS_PROXY", named)
		require.NoError(t, err)
		to, err := set.plugin.Servers["default"].Proxy(mustURL(t, "https://ksc.example:13299/"))
		require.NoError(t, err)
		assert.Equal(t, "http", to.Scheme)
	}
}

func mustURL(t *testing.T, raw string) *url.URL {
	t.Helper()
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}
