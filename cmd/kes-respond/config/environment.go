package config

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// Environment puts the names of the help page, or their upper-case forms, over
// what the file says of the server at the top level. It says whether the host
// came from there. A variable that is empty counts as not set. There is none
// for a command: a variable is easier to slip in than a trusted file.
func (c *Server) Environment(getenv func(string) string) (host bool, err error) {
	get := func(names ...string) string {
		for _, n := range names {
			if v := getenv(n); v != "" {
				return v
			}
		}
		return ""
	}
	for _, v := range []struct {
		field *string
		value string
	}{
		{&c.Host, get("kscHost", "KSC_HOST")},
		{&c.User, get("kscUser", "KSC_USER")},
		{&c.PasswordFile, get("kscPasswordFile", "KSC_PASSWORD_FILE")},
		{&c.Domain, get("kscDomain", "KSC_DOMAIN")},
		{&c.VServer, get("kscVServer", "KSC_VSERVER")},
	} {
		if v.value != "" {
			*v.field = v.value
		}
	}
	if v := get("kscPassword", "KSC_PASSWORD"); v != "" {
		c.Remember(v)
	}
	if v := get("kscPort", "KSC_PORT"); v != "" {
		if err := c.Port.UnmarshalJSON([]byte(strconv.Quote(v))); err != nil {
			return false, fmt.Errorf("environment: %w", err)
		}
	}
	if v := get("kscCert", "KSC_CERT"); v != "" {
		c.Cert = Certs{v}
		if _, pins := ksc.ParsePins(v); pins {
			c.Cert = strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' })
		}
	}
	if v := get("kscInternalUser", "KSC_INTERNAL_USER"); v != "" {
		internal, err := strconv.ParseBool(v)
		if err != nil {
			return false, errors.New("environment: kscInternalUser must be true or false")
		}
		c.InternalUser = internal
	}
	return get("kscHost", "KSC_HOST") != "", nil
}

// Proxy follows HTTPS_PROXY and NO_PROXY as they stand when the program
// starts. Loopback is never proxied.
func Proxy(getenv func(string) string) func(*url.URL) (*url.URL, error) {
	first := func(a, b string) string {
		if v := getenv(a); v != "" {
			return v
		}
		return getenv(b)
	}
	c := httpproxy.Config{HTTPSProxy: first("HTTPS_PROXY", "https_proxy"), NoProxy: first("NO_PROXY", "no_proxy")}
	if c.HTTPSProxy == "" || isAddress(c.HTTPSProxy) || !strings.Contains(c.HTTPSProxy, "://") && isAddress("http://"+c.HTTPSProxy) {
		return c.ProxyFunc()
	}
	c.HTTPSProxy = "http://unreadable.invalid" // with one that cannot be read the library goes past it, which nobody asked for
	return func(to *url.URL) (*url.URL, error) {
		if via, err := c.ProxyFunc()(to); via == nil || err != nil {
			return nil, err
		}
		return nil, errors.New("HTTPS_PROXY cannot be read as the address of a proxy") // and may have a password in it
	}
}

func isAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Host != ""
}
