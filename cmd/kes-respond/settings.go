package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
	"golang.org/x/net/http/httpproxy"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// settings are where to reach KSC and as whom, put together from flags, the
// environment and a configuration file, in this order.
type settings struct {
	plugin plugin.Config
}

// settingsFlags are the flags that every command with a connection has.
type settingsFlags struct {
	config, server *once
}

func (f *settingsFlags) add(flags *pflag.FlagSet) {
	f.config = stringFlag(flags, "config", "configuration file (default: KES_RESPOND_CONFIG, beside the program, /etc/kes-respond/config.yaml)")
	f.server = stringFlag(flags, "server", "name of a configured server")
}

// configFile is config.yaml. Members that a file has and this struct lacks are
// refused: a misspelt kscCert must not mean the default.
type configFile struct {
	serverFile    `json:",inline"`
	Area          string                `json:"responseEventIncidentArea"`
	Servers       map[string]serverFile `json:"servers"`
	DefaultServer string                `json:"defaultServer"`
}

// serverFile is one KSC server by the help page's names.
type serverFile struct {
	Host         string   `json:"kscHost"`
	Port         port     `json:"kscPort"`
	Cert         certs    `json:"kscCert"`
	User         string   `json:"kscUser"`
	PasswordFile string   `json:"kscPasswordFile"`
	Domain       string   `json:"kscDomain"`
	InternalUser bool     `json:"kscInternalUser"`
	VServer      string   `json:"kscVServer"`
	password     string   // from the environment only
	_            struct{} // named fields only
}

// port is a number, or text as the help page writes it.
type port string

func (p *port) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("kscPort must be a number from 1 to 65535")
	}
	*p = port(strconv.Itoa(n))
	return nil
}

// certs is kscCert: one path, pin or "False", or a list of pins.
type certs []string

func (c *certs) UnmarshalJSON(data []byte) error {
	var one string
	var several []string
	switch {
	case string(data) == "false":
		*c = certs{"False"}
	case json.Unmarshal(data, &one) == nil:
		*c = certs{one}
	case json.Unmarshal(data, &several) == nil:
		*c = several
	default:
		return errors.New("kscCert must be a file, a SHA-256, a list of those, or false")
	}
	return nil
}

// defaultServer is the name of the server that has none: the one at the top
// level of the file, or of the environment.
const defaultServer = "default"

func (f settingsFlags) settings(s surroundings) (settings, error) {
	file, err := f.file(s)
	if err != nil {
		return settings{}, &exitError{shared.ExitUsage, err}
	}
	if err := fromEnvironment(&file.serverFile, s.getenv); err != nil {
		return settings{}, &exitError{shared.ExitUsage, err}
	}
	servers := map[string]serverFile{}
	for name, one := range file.Servers {
		servers[name] = one
	}
	def := file.DefaultServer
	if file.Host != "" {
		servers[defaultServer] = file.serverFile
		if def == "" {
			def = defaultServer
		}
	}
	set := settings{plugin: plugin.Config{Version: version, Area: file.Area, Default: def, Servers: map[string]ksc.Config{}}}
	for name, one := range servers {
		c, err := one.client(s, name)
		if err != nil {
			return settings{}, &exitError{shared.ExitUsage, fmt.Errorf("server %s: %w", name, err)}
		}
		set.plugin.Servers[name] = c
	}
	return set, nil
}

// file reads the configuration, or an empty one where none is found in the
// usual places. A file that was named must exist.
func (f settingsFlags) file(s surroundings) (configFile, error) {
	named := s.getenv("KES_RESPOND_CONFIG")
	if f.config.set {
		named = f.config.value
	}
	if named != "" {
		return readConfig(named)
	}
	places := []string{"/etc/kes-respond/config.yaml"}
	if resolved, err := filepath.EvalSymlinks(s.executable); err == nil {
		places = append([]string{filepath.Join(filepath.Dir(resolved), "config.yaml")}, places...)
	}
	for _, place := range places {
		file, err := readConfig(place)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
	}
	return configFile{}, nil
}

func readConfig(path string) (configFile, error) {
	var file configFile
	data, err := readTrusted(path, writableByOthers)
	if err != nil {
		return file, err
	}
	var tree any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return file, fmt.Errorf("%s: %w", path, err)
	}
	if tree == nil {
		return file, nil
	}
	text, err := json.Marshal(tree)
	if err != nil {
		return file, fmt.Errorf("%s: %w", path, err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&file); err != nil {
		return file, fmt.Errorf("%s: %w", path, err)
	}
	return file, nil
}

// fromEnvironment puts the five names of the help page, or their upper-case
// forms, over what the file says.
func fromEnvironment(c *serverFile, getenv func(string) string) error {
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
		{&c.password, get("kscPassword", "KSC_PASSWORD")},
		{&c.PasswordFile, get("kscPasswordFile", "KSC_PASSWORD_FILE")},
		{&c.Domain, get("kscDomain", "KSC_DOMAIN")},
		{&c.VServer, get("kscVServer", "KSC_VSERVER")},
	} {
		if v.value != "" {
			*v.field = v.value
		}
	}
	if v := get("kscPort", "KSC_PORT"); v != "" {
		if err := c.Port.UnmarshalJSON([]byte(strconv.Quote(v))); err != nil {
			return err
		}
	}
	if v := get("kscCert", "KSC_CERT"); v != "" {
		c.Cert = certs{v}
	}
	if v := get("kscInternalUser", "KSC_INTERNAL_USER"); v != "" {
		internal, err := strconv.ParseBool(v)
		if err != nil {
			return errors.New("kscInternalUser must be true or false")
		}
		c.InternalUser = internal
	}
	return nil
}

// client makes the client's configuration, with the password read.
func (c serverFile) client(s surroundings, name string) (ksc.Config, error) {
	if c.Host == "" || c.User == "" {
		return ksc.Config{}, errors.New("kscHost and kscUser are needed")
	}
	password := c.password
	if password == "" && c.PasswordFile != "" {
		secret, err := readTrusted(c.PasswordFile, readableByOthers)
		if err != nil {
			return ksc.Config{}, err
		}
		password = string(bytes.TrimRight(secret, "\r\n"))
	}
	if password == "" {
		return ksc.Config{}, errors.New("no password: set kscPassword in the environment, or kscPasswordFile to a file that only its owner can read")
	}
	trust, err := c.Cert.trust()
	if err != nil {
		return ksc.Config{}, err
	}
	if trust.Insecure {
		fmt.Fprintf(s.err, "kes-respond: warning: kscCert is False for server %s: the server's certificate is not checked, and whoever stands between can read the password\n", name)
	}
	at := string(c.Port)
	if at == "" {
		at = "13299"
	}
	return ksc.Config{
		Addr: net.JoinHostPort(c.Host, at), User: c.User, Password: password, Domain: c.Domain, InternalUser: c.InternalUser,
		VServer: c.VServer, Trust: trust, Proxy: proxy(s.getenv), UserAgent: plugin.Name + "/" + version,
	}, nil
}

// trust reads kscCert: "False" switches the check off, a SHA-256 is a pin, all
// else is a file in PEM or DER. Without any the system's roots count.
func (c certs) trust() (ksc.Trust, error) {
	var all ksc.Trust
	for _, one := range c {
		if one == "False" || one == "false" {
			if len(c) > 1 {
				return all, errors.New("kscCert: false excludes everything else")
			}
			return ksc.Trust{Insecure: true}, nil
		}
		if pin, ok := ksc.ParsePin(one); ok {
			all.Pins = append(all.Pins, pin)
			continue
		}
		data, err := os.ReadFile(one)
		if err != nil {
			return all, fmt.Errorf("kscCert: %w", err)
		}
		t, err := ksc.ParseTrust(data)
		if err != nil {
			return all, fmt.Errorf("kscCert %s: %w", one, err)
		}
		all.Pins = append(all.Pins, t.Pins...)
		if t.Roots != nil {
			all.Roots = t.Roots
		}
	}
	return all, nil
}

// proxy follows HTTPS_PROXY and NO_PROXY as they stand when the program
// starts. Loopback is never proxied.
func proxy(getenv func(string) string) func(*url.URL) (*url.URL, error) {
	first := func(a, b string) string {
		if v := getenv(a); v != "" {
			return v
		}
		return getenv(b)
	}
	c := httpproxy.Config{HTTPSProxy: first("HTTPS_PROXY", "https_proxy"), NoProxy: first("NO_PROXY", "no_proxy")}
	return c.ProxyFunc()
}
