// Package ksctest is an emulator of Kaspersky Security Center OpenAPI: the transport, the ways to log in, and the methods
// that a response needs. It is rude on purpose: what the vendor documents it demands exactly, and its mischief knobs do to
// a client what networks, proxies and restarting servers do.
//
// It promises to share nothing with our own client, so that one mistake cannot hide in both: recorded traffic of the
// vendor's client ties the two together. It reads no environment, flags or files and writes none; time is the time package
// itself, so inside a testing/synctest bubble (with Dial in place of a listener) all waiting costs nothing.
//
// A scenario is a JSON list of steps, carried out by the server's clock: when a step is due is worked out when somebody calls
// or looks, and it then finds the server as it was at its time. Each step is an object:
//
//	{"after": "10s", "do": "host-away", "host": "e6a3c1d0-..."}
//	{"afterIncident": 2, "after": "1m", "do": "set-tasks", "tasks": {"outcome": "fail"}}
//
// "after" counts from the start, or with "afterIncident" from the storing of so many incidents since the start, and is 0
// there when absent; such a step comes with the next call at the earliest. StepKinds lists what "do" may be and which
// arguments each takes. Whatever is unknown, needed and not there, or impossible is refused, by the number of its step. A
// step whose incident or console task is not there by then does nothing.
//
// Facts come from the vendor's reference and are cited by page ("KSCAPI a00608"). Where the vendor is silent the choice made
// here is marked "judgement, not confirmed against a live KSC".
package ksctest

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"
)

// Options say what the emulated server is like. Only User and Password are required.
type Options struct {
	// User and Password are the one account.
	User, Password string
	// Domain, when set, is the one domain accepted, raw or in base64; nil accepts any, also none.
	Domain *string
	// Internal, when set, is the one value of "internal" accepted, where absent counts as false; nil accepts any.
	Internal *bool
	// Tokens are logon tokens good for ever, under any of KSCT, KSCWT and KSCGW. Session.CreateToken makes more.
	Tokens []string
	// VServers are the names of virtual servers that exist beside the main one.
	VServers []string
	// SecondFactor, when not empty, is the one-time password the account demands after its password, on the same connection.
	SecondFactor string
	// Locked makes every logon with the password answer SPL 2013: the account is blocked.
	Locked bool
	// LockAfter blocks the account after so many wrong passwords in a row; 0 never does.
	LockAfter int
	// SessionIdle ends a session unused for so long; 0 never does. The real value is not documented.
	SessionIdle time.Duration

	// Inventory holds the hosts. nil means that every host id is known, and that no name is.
	Inventory []Host
	// Denied are methods ("HostGroup.AddIncident") or classes ("Tasks.*") answered with KLSTD 1184. One that this server
	// does not know is refused.
	Denied []string
	// Absent are methods or classes answered with KLCONN 1194, as by a server older than they are; Limits.IsMethodPresent
	// denies them. One that this server does not know is refused.
	Absent []string
	// ConsoleOff means that no service console is connected.
	ConsoleOff bool
	// Tasks say what the console makes of incidents.
	Tasks TaskOptions
	// ServerVersion is told by GetStaticInfo; "15.2.0.0" when empty.
	ServerVersion string
	// AsyncDelay is how long an asynchronous search takes.
	AsyncDelay time.Duration
	// ClockSkew is added to the server's clock: its Date header and CURTIME in filters.
	ClockSkew time.Duration
	// Latency passes before each answer.
	Latency time.Duration

	// Mischief maps a knob, or knob@Class.Method, to its probability from 0 to 1. See Knobs.
	Mischief map[string]float64
	// MischiefDelay is how long "delay" and "store-late" take; 5 s when zero.
	MischiefDelay time.Duration
	// Seed makes mischief repeatable for the same order of requests and the same last incident in State; 0 picks one, see
	// Server.Seed.
	Seed uint64

	// Record gets one line of JSON per request, in one Write. The lines hold credentials as they were sent.
	Record io.Writer
	// State is what the server holds at the start; nil is nothing.
	State *State
	// Scenario is a JSON list of steps that change the server as time goes by, see the package comment; nil is none.
	Scenario []byte
	// Certificate replaces the built-in one (RSA 2048, self-signed, for 127.0.0.1, ::1, localhost and ksc.example).
	Certificate *tls.Certificate
	// MaxTLS is the highest TLS version; TLS 1.2 when zero, as KSC documents (KSCAPI main page).
	MaxTLS uint16
}

const (
	defaultVersion       = "15.2.0.0"
	defaultMischiefDelay = 5 * time.Second
)

func (o *Options) check() error {
	if o.User == "" || o.Password == "" {
		return errors.New("ksctest: a user and a password are required")
	}
	for name, d := range map[string]time.Duration{"Latency": o.Latency, "AsyncDelay": o.AsyncDelay, "SessionIdle": o.SessionIdle, "MischiefDelay": o.MischiefDelay} {
		if d < 0 {
			return fmt.Errorf("ksctest: %s is negative", name)
		}
	}
	if o.MaxTLS != 0 && o.MaxTLS < tls.VersionTLS12 {
		return errors.New("ksctest: TLS below 1.2 is not offered")
	}
	if o.ServerVersion == "" {
		o.ServerVersion = defaultVersion
	}
	if o.MischiefDelay == 0 {
		o.MischiefDelay = defaultMischiefDelay
	}
	return o.Tasks.check()
}
