package plugin

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// destination is the server that a request is for, before anything is opened:
// one that is configured, or one that the request brings.
type destination struct {
	server  *server // configured; with a name alone where there is none
	brought *ksc.Config
	key     [sha256.Size]byte // of what was brought
}

// destination finds the server. name is what the request calls it.
func (p *Plugin) destination(r shared.Request, name string) (d destination, found []shared.Violation) {
	if r.Connection == nil {
		s, missing := p.server(name)
		if missing != nil {
			found = append(found, *missing)
		}
		return destination{server: s}, found
	}
	refuse := func(at, message string) {
		found = append(found, shared.Violation{Pointer: at, Message: message})
	}
	d.server = &server{}
	whole := shared.Pointer("connection")
	if p.config.Connections.Refused {
		refuse(whole, "is switched off by the configuration (requestConnections: false)")
		return d, found
	}
	if r.Server != "" {
		refuse(whole, "cannot stand beside server: both say where to send")
	}
	c, wrong := readConnection(r.Connection)
	if found = append(found, wrong...); len(found) > 0 {
		return d, found // no file is read for what is refused anyway
	}
	d.server.name = c.name()
	if r.Incident != nil && r.Incident.Server != "" && r.Incident.Server != c.name() {
		refuse("/incident/server", "is another server than that of /connection")
		return d, found
	}
	trust, source, err := c.trust(p.config.Connections.ReadCert)
	if err != nil {
		refuse(shared.Pointer("connection", "kscCert"), err.Error())
		return d, found
	}
	config := ksc.Config{
		Addr: c.address(), User: c.user, Password: c.password, Domain: c.domain, InternalUser: c.internal, VServer: c.vServer, Trust: trust,
		Proxy: p.config.Connections.Proxy, Dial: p.config.Connections.Dial, UserAgent: p.config.Connections.UserAgent, Heard: p.config.Connections.Heard,
	}
	if config.Valid() != nil {
		refuse(shared.Pointer("connection", "kscHost"), "is no host name or address")
		return d, found
	}
	config.Gate = p.gate(config, true)
	d.brought, d.key = &config, p.brought.keyOf(config, source)
	return d, found
}

// enter gives the server, and holds it until release.
func (p *Plugin) enter(d destination) (s *server, release func(), refusal *shared.Error) {
	if d.brought == nil {
		return d.server, func() {}, nil
	}
	return p.brought.take(d.key, func() (*server, error) { return newServer(d.server.name, *d.brought, p.config.FollowCalls) })
}

// keyOf tells apart whatever differs, the password too, and gives nobody who
// reads it a password to guess.
func (p *pool) keyOf(c ksc.Config, trust []byte) (key [sha256.Size]byte) {
	mac := hmac.New(sha256.New, p.salt[:])
	_ = json.NewEncoder(mac).Encode([]any{c.Addr, c.User, c.Password, c.Domain, c.InternalUser, c.VServer, trust}) // texts and a truth value: it cannot fail
	mac.Sum(key[:0])
	return key
}
