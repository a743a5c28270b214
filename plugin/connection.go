package plugin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// Connections is how the KSC servers are reached that requests bring with them,
// and whether they may bring any. Of a configured server nothing is ever used
// for them: a request that names a host must not get the password of another.
type Connections struct {
	Refused bool
	// ReadCert reads the file that a connection's kscCert names. What it refuses,
	// and why, nobody hears: a request must not find out what is on the disk. nil
	// takes no files.
	ReadCert  func(path string) ([]byte, error)
	Proxy     func(*url.URL) (*url.URL, error)
	Dial      func(ctx context.Context, network, addr string) (net.Conn, error) // nil: the network
	UserAgent string
	Heard     func(ksc.Call) // told of each call as it ends; nil: nobody is
}

// connection is a request's own, by the help page's names.
type connection struct {
	host, port, cert, user, password, domain, vServer string
	internal                                          bool
}

// The bounds of a connection's texts, in characters.
const (
	mostHost     = 256
	mostCert     = 65536
	mostAccount  = 256 // user, domain, virtual server
	mostPassword = 1024
)

// readConnection takes a connection that is complete, and names all that is
// wrong with any other. No message quotes a value.
func readConnection(raw json.RawMessage) (c connection, found []shared.Violation) {
	account := func(field *string) func(json.RawMessage) error { return text(field, mostAccount, nil) }
	members := []struct {
		name     string
		required bool
		read     func(json.RawMessage) error
	}{
		{"kscHost", true, text(&c.host, mostHost, ksc.CheckHost)},
		{"kscPort", false, func(raw json.RawMessage) (err error) { c.port, err = ksc.ParsePort(raw); return err }},
		{"kscCert", true, text(&c.cert, mostCert, checkCert)},
		{"kscUser", true, account(&c.user)},
		{"kscPassword", true, text(&c.password, mostPassword, nil)},
		{"kscDomain", false, text(&c.domain, mostAccount, checkDomain)},
		{"kscInternalUser", false, flag(&c.internal)},
		{"kscVServer", false, account(&c.vServer)},
	}
	at := func(name string) string { return shared.Pointer("connection", name) }
	var given map[string]json.RawMessage
	if err := json.Unmarshal(raw, &given); err != nil {
		return c, []shared.Violation{{Pointer: shared.Pointer("connection"), Message: "must be an object"}}
	}
	for _, m := range members {
		value, present := given[m.name]
		delete(given, m.name)
		switch {
		case present:
			if err := m.read(value); err != nil {
				found = append(found, shared.Violation{Pointer: at(m.name), Message: err.Error()})
			}
		case m.required:
			found = append(found, shared.Violation{Pointer: at(m.name), Message: "is required: a connection is complete, nothing is added to it from the configuration"})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		message := "is not a member that connections have"
		for _, m := range members {
			if strings.EqualFold(name, m.name) {
				message += "; \"" + m.name + "\" is spelt so"
			}
		}
		found = append(found, shared.Violation{Pointer: at(name), Message: message})
	}
	return c, found
}

// text reads 1 to most characters. What has control characters only check may
// let pass.
func text(into *string, most int, check func(string) error) func(json.RawMessage) error {
	if check == nil {
		check = checkControl
	}
	return func(raw json.RawMessage) error {
		var s *string
		if json.Unmarshal(raw, &s) != nil || s == nil {
			return errors.New("must be a string")
		}
		if n := utf8.RuneCountInString(*s); n < 1 || n > most {
			return fmt.Errorf("has %d characters; 1 to %d are allowed", n, most)
		}
		*into = *s
		return check(*s)
	}
}

func flag(into *bool) func(json.RawMessage) error {
	return func(raw json.RawMessage) error {
		if *into = string(raw) == "true"; !*into && string(raw) != "false" {
			return errors.New("must be true or false")
		}
		return nil
	}
}

func checkControl(s string) error {
	if strings.ContainsFunc(s, unicode.IsControl) {
		return errors.New("holds a control character")
	}
	return nil
}

func checkDomain(s string) error {
	if strings.Contains(s, `"`) {
		return errors.New("holds a quote")
	}
	return checkControl(s)
}

// checkCert looks at what can be said of kscCert without reading a file.
func checkCert(s string) error {
	switch strings.ToLower(s) {
	case "false", "true":
		return errors.New("must name a certificate: a request can not switch the check off")
	}
	if !isPEM(s) {
		return checkControl(s)
	}
	if _, err := ksc.ParseTrust([]byte(s)); err != nil {
		return errors.New("is PEM text without a readable certificate")
	}
	return nil
}

func isPEM(s string) bool { return strings.Contains(s, "-----BEGIN") }

// errCert is all that is said of a file, whatever is wrong with it.
var errCert = errors.New("must be a certificate as PEM text, its SHA-256, or the full path of a certificate's file that only you or root can change")

// trust reads kscCert. What it is made from is what tells one connection from
// another.
func (c connection) trust(read func(string) ([]byte, error)) (ksc.Trust, []byte, error) {
	if pins, ok := ksc.ParsePins(c.cert); ok {
		return ksc.Trust{Pins: pins}, []byte(c.cert), nil
	}
	data := []byte(c.cert)
	if !isPEM(c.cert) {
		if read == nil {
			return ksc.Trust{}, nil, errCert
		}
		var err error
		if data, err = read(c.cert); err != nil {
			return ksc.Trust{}, nil, errCert
		}
	}
	trust, err := ksc.ParseTrust(data)
	if err != nil {
		return ksc.Trust{}, nil, errCert
	}
	return trust, data, nil
}

// mostName is how long the name of a server may be that requests speak of.
const mostName = 128

// name is what the ledger and events call the server: where it is, and never as
// whom. It has a colon, so it is no configured server's.
func (c connection) name() string {
	name := c.address()
	if c.vServer != "" {
		name += "/" + c.vServer
	}
	if utf8.RuneCountInString(name) > mostName {
		sum := sha256.Sum256([]byte(name))
		name = "sha256:" + hex.EncodeToString(sum[:])
	}
	return name
}

func (c connection) address() string {
	return net.JoinHostPort(strings.ToLower(c.host), cmp.Or(c.port, ksc.DefaultPort))
}
