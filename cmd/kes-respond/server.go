package main

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// serverFile is one KSC server by the help page's names.
type serverFile struct {
	Host            string        `json:"kscHost"`
	Port            port          `json:"kscPort"`
	Cert            certs         `json:"kscCert"`
	User            string        `json:"kscUser"`
	PasswordFile    string        `json:"kscPasswordFile"`
	PasswordCommand []string      `json:"kscPasswordCommand"`
	Domain          string        `json:"kscDomain"`
	InternalUser    bool          `json:"kscInternalUser"`
	VServer         string        `json:"kscVServer"`
	password        func() string // from the environment only; a function does not print
}

// port is a number, or text as the help page writes it. It is kept as text.
type port string

// UnmarshalJSON reads what ksc.ParsePort does.
func (p *port) UnmarshalJSON(data []byte) error {
	text, err := ksc.ParsePort(data)
	if err != nil {
		return fmt.Errorf("kscPort %w", err)
	}
	*p = port(text)
	return nil
}

func checkHost(host string) error {
	if err := ksc.CheckHost(host); err != nil {
		return fmt.Errorf("kscHost %w", err)
	}
	return nil
}

// from makes relative paths start in the folder of the configuration file.
func (c serverFile) from(folder string) serverFile {
	c.PasswordFile = rootedIn(folder, c.PasswordFile)
	c.Cert = slices.Clone(c.Cert)
	for i, one := range c.Cert {
		if _, pin := ksc.ParsePin(one); !pin && !isOff(one) {
			c.Cert[i] = rootedIn(folder, one)
		}
	}
	return c
}

// client makes the client's configuration. The password is read once here, so
// that what is wrong with it is named at the start; the client asks for it anew.
// All that is wrong is named at once.
func (c serverFile) client(s surroundings, name string) (ksc.Config, error) {
	var wrong []error
	if c.Host == "" || c.User == "" {
		wrong = append(wrong, errors.New("kscHost and kscUser are needed"))
	}
	if c.Host != "" {
		wrong = append(wrong, checkHost(c.Host))
	}
	trust, err := c.Cert.trust()
	wrong = append(wrong, err)
	if err := errors.Join(wrong...); err != nil {
		return ksc.Config{}, err // no helper is run for a server that cannot be used
	}
	ask := c.asked(s.getenv, name)
	if _, err := ask(context.Background()); err != nil { // a helper has its own bound
		return ksc.Config{}, err
	}
	if trust.Insecure {
		fmt.Fprintf(s.err, "kes-respond: warning: kscCert is False for server %s: the server's certificate is not checked, and whoever stands between can read the password\n", name)
	}
	at := cmp.Or(string(c.Port), ksc.DefaultPort)
	return ksc.Config{
		Addr: net.JoinHostPort(c.Host, at), User: c.User, AskPassword: ask, Domain: c.Domain, InternalUser: c.InternalUser,
		VServer: c.VServer, Trust: trust, Proxy: proxy(s.getenv), UserAgent: plugin.Name + "/" + version,
	}, nil
}

// certs is kscCert: one path, pin or "False", or a list of paths and pins.
type certs []string

// UnmarshalJSON reads what the schema of the configuration lets through.
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

// isOff is the help page's default, which here is an explicit choice.
func isOff(s string) bool { return s == "False" || s == "false" || s == "FALSE" }

// trust reads kscCert: "False" switches the check off, a SHA-256 is a pin, all
// else is a file in PEM or DER. Without any the system's roots count.
func (c certs) trust() (ksc.Trust, error) {
	var pins [][32]byte
	var bundle []byte // CAs of several files make one pool only when they are read as one
	for _, one := range c {
		if isOff(one) {
			if len(c) > 1 {
				return ksc.Trust{}, errors.New("kscCert: false excludes everything else")
			}
			return ksc.Trust{Insecure: true}, nil
		}
		if strings.EqualFold(one, "true") {
			return ksc.Trust{}, errors.New("kscCert: true names no certificate; leave it out to trust the system's roots")
		}
		if pin, ok := ksc.ParsePin(one); ok {
			pins = append(pins, pin)
			continue
		}
		data, err := trusted.Read(one, trusted.Writable)
		if err != nil {
			return ksc.Trust{}, fmt.Errorf("kscCert: %w", err)
		}
		if _, err := ksc.ParseTrust(data); err != nil {
			return ksc.Trust{}, fmt.Errorf("kscCert %s: %w", one, err)
		}
		if block, _ := pem.Decode(data); block == nil {
			data = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: data})
		}
		bundle = append(append(bundle, data...), '\n')
	}
	if bundle == nil {
		return ksc.Trust{Pins: pins}, nil
	}
	all, err := ksc.ParseTrust(bundle)
	all.Pins = append(all.Pins, pins...)
	return all, err
}
