package report

import (
	"cmp"

	"github.com/kes-respond/kes-respond/plugin/journal"
)

// host is one of one server: two servers may each have a host of a name, and one
// server may have two. Where its id is not known it goes by what it was called.
type host struct{ server, id, called string }

func (c *Collector) countHost(r journal.Record, q Request) {
	h := host{server: q.Server, id: shown(r.HostID)}
	if h.id == "" {
		h.called = q.Host
	}
	if c.names[h] == "" || c.names[h] == h.id {
		c.names[h] = q.Host
	}
	count(c.hosts, h, q.Standing)
}

// hostGroups names the server where a name is that of several hosts, and the id
// where they are of one server.
func (c *Collector) hostGroups() []Group {
	hosts, ofServer := map[string]int{}, map[[2]string]int{}
	for h, name := range c.names {
		hosts[name]++
		ofServer[[2]string{name, h.server}]++
	}
	var all []Group
	for h, by := range c.hosts {
		name, server := c.names[h], cmp.Or(h.server, "-")
		switch {
		case ofServer[[2]string{name, h.server}] > 1:
			name += " (" + server + ", " + cmp.Or(h.id, "id not known") + ")"
		case hosts[name] > 1:
			name += " (" + server + ")"
		}
		all = append(all, Group{Name: name, By: by})
	}
	return all
}
