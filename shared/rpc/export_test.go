package rpc

import (
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/kes-respond/kes-respond/shared"
)

// Serving is the plugin's end within this process, for the tests in rpc_test.
func Serving(r shared.Responder, o Options) goplugin.PluginSet {
	return pluginSets(newService(r, o.filled()))[shared.Protocol]
}

// Drained is a plugin's end that has been told to leave.
func Drained(r shared.Responder) goplugin.PluginSet {
	s := newService(r, Options{}.filled())
	s.calls.drain(0)
	return pluginSets(s)[shared.Protocol]
}

var (
	RefuseOpen = refuseOpen
	EventOf    = eventOf
	NewClient  = newClient
)
