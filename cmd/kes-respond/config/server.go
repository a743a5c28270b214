package config

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
	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// Server is one KSC server by the help page's names.
type Server struct {
	Host            string        `json:"kscHost"`
	Port            Port          `json:"kscPort"`
	Cert            Certs         `json:"kscCert"`
	User            string        `json:"kscUser"`
	PasswordFile    string        `json:"kscPasswordFile"`
	PasswordCommand []string      `json:"kscPasswordCommand"`
	Domain          string        `json:"kscDomain"`
	InternalUser    bool          `json:"kscInternalUser"`
	VServer         string        `json:"kscVServer"`
	password        func() string // from the environment only; a function does not print
}

// DefaultServer is the name of the server that has none: the one at the top level of
// the file, or of the environment.
const DefaultServer = "default"

// Port is a number, or text as the help page writes it. It is kept as text.
type Port string

// UnmarshalJSON reads what ksc.ParsePort does.
func (p *Port) UnmarshalJSON(data []byte) error {
	text, err := ksc.ParsePort(data)
	if err != nil {
		return fmt.Errorf("kscPort %w", err)
	}
	*p = Port(text)
	return nil
}

// CheckHost says what is wrong with the address of a server.
func CheckHost(host string) error {
	if err := ksc.CheckHost(host); err != nil {
		return fmt.Errorf("kscHost %w", err)
	}
	return nil
}

// from makes relative paths start in the folder of the configuration file.
func (c Server) from(folder string) Server {
	c.PasswordFile = rootedIn(folder, c.PasswordFile)
	c.Cert = slices.Clone(c.Cert)
	for i, one := range c.Cert {
		if _, pin := ksc.ParsePin(one); !pin && !Off(one) {
			c.Cert[i] = rootedIn(folder, one)
		}
	}
	return c
}

// Client makes the configuration of a client for the server of this name, save for
// what it calls itself. The password is read once here, so
// that what is wrong with it is named at the start; the client asks for it anew.
// All that is wrong is named at once.
func (c Server) Client(ctx context.Context, name string, getenv func(string) string) (ksc.Config, error) {
	var wrong []error
	if c.Host == "" || c.User == "" {
		wrong = append(wrong, errors.New("kscHost and kscUser are needed"))
	}
	if c.Host != "" {
		wrong = append(wrong, CheckHost(c.Host))
	}
	trust, err := c.Cert.Trust()
	wrong = append(wrong, err)
	if err := errors.Join(wrong...); err != nil {
		return ksc.Config{}, err // no helper is run for a server that cannot be used
	}
	ask := c.asked(getenv, name)
	if _, err := ask(ctx); err != nil { // a helper has its own bound
		return ksc.Config{}, err
	}
	at := cmp.Or(string(c.Port), ksc.DefaultPort)
	return ksc.Config{
		Addr: net.JoinHostPort(c.Host, at), User: c.User, AskPassword: ask, Domain: c.Domain, InternalUser: c.InternalUser,
		VServer: c.VServer, Trust: trust, Proxy: Proxy(getenv),
	}, nil
}

// Certs is kscCert: one path, pin or "False", or a list of paths and pins.
type Certs []string

// UnmarshalJSON reads what the schema of the configuration lets through.
func (c *Certs) UnmarshalJSON(data []byte) error {
	var one string
	var several []string
	switch {
	case string(data) == "false":
		*c = Certs{"False"}
	case json.Unmarshal(data, &one) == nil:
		*c = Certs{one}
	case json.Unmarshal(data, &several) == nil:
		*c = several
	default:
		return errors.New("kscCert must be a file, a SHA-256, a list of those, or false")
	}
	return nil
}

// Off says that a kscCert switches the check of certificates off: it is the help page's default, which here is an explicit choice.
func Off(s string) bool { return s == "False" || s == "false" || s == "FALSE" }

// Trust reads kscCert: "False" switches the check off, a SHA-256 is a pin, all
// else is a file in PEM or DER. Without any the system's roots count.
func (c Certs) Trust() (ksc.Trust, error) {
	var pins [][32]byte
	var bundle []byte // CAs of several files make one pool only when they are read as one
	for _, one := range c {
		if Off(one) {
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
