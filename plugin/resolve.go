package plugin

import (
	"context"
	"fmt"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/guard"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// resolve finds the one host that a name means. None or several is a refusal
// that lists them: to guess between two hosts is to isolate the wrong one.
func (o *order) resolve(ctx context.Context) (host shared.Host, err error) {
	if o.request.HostLookup == shared.LookupNever {
		return shared.Host{ID: o.request.TargetHost}, nil
	}
	err = o.server.talk(ctx, func() (err error) {
		host, err = o.lookUp(ctx)
		return err
	})
	return host, err
}

func (o *order) lookUp(ctx context.Context) (shared.Host, error) {
	name, lookup, c := o.request.TargetHost, o.request.HostLookup, o.server.client
	switch lookup {
	case shared.LookupID, shared.LookupAuto, "":
		h, err := c.Host(ctx, name)
		if err == nil {
			return o.known(h), nil
		}
		if !ksc.IsNotFound(err) {
			return shared.Host{}, err
		}
		if lookup == shared.LookupID {
			return shared.Host{}, notFound(lookup)
		}
	}
	found, err := c.FindHosts(ctx, lookupBy(lookup), name, shared.MaxListed)
	if ksc.IsNotFound(err) {
		return shared.Host{}, notFound(lookup)
	}
	if err != nil {
		return shared.Host{}, err
	}
	switch len(found) {
	case 0:
		return shared.Host{}, notFound(lookup)
	case 1:
		return o.known(found[0]), nil
	}
	return shared.Host{}, ambiguous(found)
}

func lookupBy(lookup string) ksc.By {
	switch lookup {
	case shared.LookupDNS:
		return ksc.ByDNS
	case shared.LookupFQDN:
		return ksc.ByFQDN
	case shared.LookupNetBIOS:
		return ksc.ByNetBIOS
	case shared.LookupIP:
		return ksc.ByIP
	}
	return ksc.ByAny
}

func (o *order) known(h ksc.Host) shared.Host {
	o.facts, o.seen = factsOf(h), &h
	return shared.Host{ID: h.ID, Name: h.DisplayName}
}

// learn reads what the policy has to know of a host that was not looked up. Of
// one that KSC does not know it knows the id alone.
func (o *order) learn(ctx context.Context) error {
	if o.facts.ID != "" {
		return nil
	}
	o.facts = guard.Host{ID: o.host.ID}
	if !o.policy().LooksAtHosts() || o.needsNoServer() {
		return nil
	}
	err := o.server.talk(ctx, func() error {
		h, err := o.server.client.Host(ctx, o.host.ID)
		if err == nil {
			o.facts = factsOf(h)
		}
		return err
	})
	if ksc.IsNotFound(err) {
		return nil
	}
	return err
}

func factsOf(h ksc.Host) guard.Host {
	facts := guard.Host{ID: h.ID, IPv4: h.IPv4, Connects: h.ConnectIPv4, System: h.OS}
	for _, name := range []string{h.DisplayName, h.FQDN, h.DNSName, h.NetBIOSName} {
		if name != "" {
			facts.Names = append(facts.Names, name)
		}
	}
	// Without its path the groups above one are not known, so none counts as
	// known then: a rule may be about one of those.
	if h.GroupPath != "" {
		facts.Groups = strings.FieldsFunc(h.GroupPath, func(r rune) bool { return r == '/' || r == '\\' })
		facts.Groups = append(facts.Groups, h.GroupPath)
		if h.GroupName != "" {
			facts.Groups = append(facts.Groups, h.GroupName)
		}
	}
	return facts
}

func notFound(lookup string) *shared.Error {
	return &shared.Error{
		Code:    shared.HostNotFound,
		Message: "KSC knows no such host (hostLookup " + lookup + "); nothing was sent",
		Assistance: "Check the name in the console. An id, DNS name, FQDN or NetBIOS name is looked up by itself; " +
			"an address only with hostLookup \"ip\".",
	}
}

func ambiguous(found []ksc.Host) *shared.Error {
	e := &shared.Error{
		Code:       shared.HostAmbiguous,
		Message:    fmt.Sprintf("%d hosts in KSC answer to this name; nothing was sent", len(found)),
		Assistance: "Send it again with the id of the one you mean as targetHost.",
	}
	if len(found) > shared.MaxListed {
		e.Message = fmt.Sprintf("more than %d hosts in KSC answer to this name; nothing was sent", shared.MaxListed)
		e.Omitted = len(found) - shared.MaxListed
		found = found[:shared.MaxListed]
	}
	for _, h := range found {
		c := shared.Candidate{ID: h.ID, Name: h.DisplayName, FQDN: h.FQDN}
		if h.IPv4.IsValid() {
			c.IPv4 = h.IPv4.String()
		}
		e.Candidates = append(e.Candidates, c)
	}
	return e
}
