package plugin

import (
	"strconv"
	"strings"
)

// The bits of KLHST_WKS_STATUS (KSCAPI a00275). That of being managed (2) is not
// among them: a real answer lacks it for a host in a group.
const (
	bitAgent     = 0x4
	bitAlive     = 0x8
	bitProtected = 0x10
)

// shortcomings are what may keep the request from being carried out, as far as
// KSC tells.
func (o *order) shortcomings() []string {
	var all []string
	o.server.around.mu.Lock()
	version := o.server.around.version
	o.server.around.mu.Unlock()
	if older(version, 14, 2) {
		all = append(all, "KSC calls its version "+version+"; response tasks need 14.2 or newer (15.2 on Linux)")
	}
	h := o.seen
	if h == nil {
		return all
	}
	if h.StatusKnown {
		switch {
		case h.Status&bitAgent == 0:
			all = append(all, "KSC knows no Network Agent on the host: nothing there takes tasks up")
		case h.Status&bitAlive == 0:
			all = append(all, away(h))
		}
		if h.Status&bitProtected == 0 {
			all = append(all, "KSC knows no Kaspersky Endpoint Security on the host")
		}
	}
	if h.Unassigned {
		all = append(all, "the host is in no administration group: likely no task reaches it")
	}
	if older(h.KESVersion, 12, 9) {
		all = append(all, "KSC calls the version of Kaspersky Endpoint Security on the host "+h.KESVersion+"; response tasks need 12.9 or newer")
	}
	return all
}

// older says that a version text begins with a version before the one given. What
// it cannot read is not older: the forms of these texts are not documented.
func older(text string, major, minor int) bool {
	parts := strings.SplitN(text, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, err := strconv.Atoi(parts[0])
	b, err2 := strconv.Atoi(parts[1])
	return err == nil && err2 == nil && (a < major || a == major && b < minor)
}
