package rpc

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
)

// LaunchOptions are what a host may want to say. The zero value is usable.
type LaunchOptions struct {
	// AutoMTLS secures the connection with certificates made for it. On
	// Windows it is always on. It takes some 16 ms of each launch.
	AutoMTLS bool

	// Log hears of the plugin's log; nil discards it.
	Log hclog.Logger
}

// Launch starts a plugin and connects to it, within the time that ctx has, at
// most a minute. The command must not have been started. Close ends the plugin.
// A host that has to say more makes a goplugin.ClientConfig of Handshake and
// Plugins, and dispenses Name.
func Launch(ctx context.Context, plugin *exec.Cmd, o LaunchOptions) (*Client, error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	within := time.Minute
	if until, ok := ctx.Deadline(); ok {
		within = min(within, time.Until(until))
	}
	if ctx.Err() != nil || within <= 0 {
		return nil, fmt.Errorf("launching the plugin: %w", context.Cause(ctx))
	}
	host := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: Handshake(), VersionedPlugins: Plugins(), Cmd: plugin,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         o.AutoMTLS || runtime.GOOS == "windows",
		StartTimeout:     within, Logger: o.Log,
	})
	c, err := dispense(host)
	if err != nil {
		host.Kill()
		return nil, fmt.Errorf("launching the plugin: %w", err)
	}
	c.end = host.Kill
	return c, nil
}

func dispense(host *goplugin.Client) (*Client, error) {
	connection, err := host.Client()
	if err != nil {
		return nil, err
	}
	raw, err := connection.Dispense(Name)
	if err != nil {
		return nil, err
	}
	return raw.(*Client), nil
}
