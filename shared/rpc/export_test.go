package rpc

import (
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/kes-respond/kes-respond/shared"
)

// Serving is the plugin's end within this process, for the tests in rpc_test.
func Serving(r shared.Responder, o Options) goplugin.PluginSet {
	return pluginSets(newService(r, o.filled()))[shared.Protocol]
}

var (
	RefuseOpen = refuseOpen
	EventOf    = eventOf
	NewClient  = newClient
)
