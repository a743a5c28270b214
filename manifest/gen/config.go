package main

import "github.com/invopop/jsonschema"

// The patterns of the configuration. A test of cmd/kes-respond holds them
// against what the program takes from the environment.
const (
	// hostName is a DNS name or an address without port or scheme: one colon
	// would be a port, two or more make an IPv6 address.
	hostName = `^([^` + noHost + `]+|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(%[^` + noHost + `]+)?)$`
	noHost   = `\x00-\x1f\x7f-\x9f` + blank + `:/@\[\]`
	portText = `^([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$`
	// serverName is also part of a file's name, where systemd hands over its
	// password.
	serverName = `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`
	// domain may hold no quote: it is sent in a quoted header.
	domain = `^[^"\x00-\x1f\x7f-\x9f]*$`
)

// configSchema is the file that cmd/kes-respond reads, by the help page's
// names. It is for that program and for editors, so it may use all of JSON
// Schema 2020-12. A password stands in no file of this form.
func configSchema(string) (schema, error) {
	named := object(serverMembers()...)
	named.Required = []string{"kscHost", "kscUser"} // the environment speaks of the server at the top level alone
	named.Not = twoPasswords()
	s := object(append(serverMembers(),
		member{"responseEventIncidentArea", matching(area, "The calling application where a request names none, part of the console task's name: 1 to 32 letters, digits, blanks, '.', '_' or '-'; KUMA where none is given")},
		member{"servers", &jsonschema.Schema{
			Type: "object", Description: "Further servers, by the name that requests use in \"server\"",
			PropertyNames: matching(serverName, "A server's name: letters, digits, '.', '_' and '-', at most 64"), AdditionalProperties: named,
		}},
		member{"defaultServer", text(64, "The server of a request that names none; default is the one at the top level")},
		member{"policy", text(4096, "A policy file beside /etc/kes-respond/policy.yaml, which always counts: what either forbids is forbidden")},
		member{"ledger", ledger()},
		member{"markIncidents", boolean("Whether an incident's body starts with white space by which it is known to be ours when KSC's answer was lost; true where nothing is said")},
		member{"resendAfterSearch", boolean("Whether a request that changes a host is sent again when KSC's answer was lost and KSC shows nothing of it after the last search; else it ends as unknown")},
		member{"requestConnections", boolean("Whether a request may bring the KSC server it is for, and the account, in \"connection\"; true where nothing is said")},
		member{"followCalls", &jsonschema.Schema{
			AnyOf:       []*jsonschema.Schema{{Type: "integer", Minimum: "3", Maximum: "6000"}, {Type: "integer", Minimum: "0", Maximum: "0"}},
			Description: "How many calls a minute may be made to one KSC server to follow requests, whatever waits: 3, which one question may take, to 6000; 120 where nothing is said. With 0 nothing is followed, no request can wait for its end, and nothing is looked at before one is sent",
		}},
	)...)
	s.Title = "config"
	s.Description = "config.yaml of kes-respond. A path that is not absolute is meant from the file's own folder. The environment variables of the same names come before the file."
	s.Not = twoPasswords()
	return schema{s}, nil
}

// ledger is how the ledger is kept. There is no way to keep none.
func ledger() *jsonschema.Schema {
	span := func(description string) *jsonschema.Schema {
		s := text(64, description)
		s.Pattern = duration
		return s
	}
	s := object(
		member{"directory", text(4096, "The ledger's directory, on a disk of this machine; the system's standard place where none is given")},
		member{"group", boolean("The directory's group may use the ledger too: for several users of one machine")},
		member{"keepFor", span("How long a request and its key are remembered, at least 24h, such as 9600h, which is 400 days and what counts where nothing is said")},
		member{"maxMegabytes", &jsonschema.Schema{
			Type: "integer", Minimum: "64", Maximum: "1048576",
			Description: "The ledger's largest size, 64 to 1048576; 2048 where nothing is said. At this size new requests are refused",
		}},
		member{"duplicateWindow", span("How long an equal request without a key can be answered by an earlier one, at most 24h; 5m where nothing is said, 0s for never")},
		member{"anchorFile", text(4096, "A file that is told the head of the ledger's chain after each flush, a line each")},
		member{"anchorSyslog", boolean("The system's log is told the head of the ledger's chain after each flush; not on Windows")},
	)
	s.Description = "The ledger of requests"
	return s
}

func twoPasswords() *jsonschema.Schema {
	return &jsonschema.Schema{Required: []string{"kscPasswordFile", "kscPasswordCommand"}}
}

func serverMembers() []member {
	return []member{
		{"kscHost", matching(hostName, "Name or address of the Administration Server, without scheme and port")},
		{"kscPort", &jsonschema.Schema{
			Description: "Its OpenAPI port, 1 to 65535; 13299 where none is given",
			AnyOf:       []*jsonschema.Schema{{Type: "integer", Minimum: "1", Maximum: "65535"}, {Type: "string", Pattern: portText}},
		}},
		{"kscCert", cert()},
		{"kscUser", text(256, "The account")},
		{"kscPasswordFile", text(4096, "A file with the password, which only its owner can read")},
		{"kscPasswordCommand", command()},
		{"kscDomain", func() *jsonschema.Schema {
			s := text(256, "The Windows domain of the account")
			s.Pattern = domain
			return s
		}()},
		{"kscInternalUser", boolean("The account lives in KSC itself")},
		{"kscVServer", text(256, "A virtual server; the main one where none is given")},
	}
}

// cert is kscCert. Only false switches the check off, and only by itself.
func cert() *jsonschema.Schema {
	one := func() *jsonschema.Schema {
		return &jsonschema.Schema{Type: "string", MinLength: new(uint64(1)), Pattern: noControl}
	}
	listed := one()
	listed.Not = &jsonschema.Schema{Enum: []any{"False", "false", "FALSE"}}
	single := one()
	single.Not = &jsonschema.Schema{Enum: []any{"True", "true", "TRUE"}}
	listed.Not.Enum = append(listed.Not.Enum, single.Not.Enum...)
	return &jsonschema.Schema{
		Description: "A PEM or DER file: a CA's certificate, or the server's own; or the SHA-256 of the server's certificate; or a list of those. Without it the system's roots count; false switches the check off",
		AnyOf: []*jsonschema.Schema{
			{Enum: []any{false}},
			single,
			{Type: "array", MinItems: new(uint64(1)), MaxItems: new(uint64(64)), Items: listed},
		},
	}
}

func command() *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "array", MinItems: new(uint64(1)), MaxItems: new(uint64(64)),
		Items:       &jsonschema.Schema{Type: "string"},
		Description: "A program that prints the password as one line, by its full path, and its arguments; no shell is between",
	}
}
