package main

import (
	"encoding/json"

	"github.com/invopop/jsonschema"
)

// policySchema is a policy file: rules that deny, and limits of how much. Tasks are matched
// by name, and a policy written for a newer version may name one that this
// version does not have, so their names are not listed.
func policySchema(string) (schema, error) {
	list := func(items *jsonschema.Schema, description string) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "array", MinItems: new(uint64(1)), MaxItems: new(uint64(1000)), Items: items, Description: description}
	}
	hosts := object(
		member{"ids", list(text(256, "A KSC host id"), "KSC host ids")},
		member{"names", list(text(256, "A name; '*' and '?' are wildcards"), "Names of any kind, without regard to case; '*' and '?' are wildcards")},
		member{"addresses", list(text(64, "An IPv4 address or range"), "IPv4 addresses, or ranges such as 10.0.0.0/24")},
		member{"groups", list(text(256, "The name of a group"), "Administration groups of KSC, with those below them")},
		member{"systems", list(text(256, "An operating system; '*' and '?' are wildcards"), "Operating systems as KSC names them; '*' and '?' are wildcards")},
	)
	hosts.Description = "Only hosts that are one of these; what KSC does not say of a host counts as met"
	rule := object(
		member{"name", text(64, "The rule's name, once in a file")},
		member{"reason", text(512, "Why, quoted to the caller")},
		member{"tasks", list(text(64, "A task"), "Only these tasks")},
		member{"effects", list(&jsonschema.Schema{Type: "string", Enum: anys(effects()), Description: "An effect"}, "Only requests that have one of these effects")},
		member{"hosts", hosts},
		member{"folders", list(text(4096, "A folder"), "Only places in these folders, or searches that reach into them")},
		member{"outside", list(text(4096, "A folder"), "Only places that do not surely lie in one of these folders")},
	)
	rule.Required = []string{"name", "reason"}
	rule.Description = "A rule: it denies what meets all that it says"
	s := object(
		member{"deny", list(rule, "The rules; what none of them denies is allowed")},
		member{"caps", list(capSchema(), "How many requests are sent at most")},
		member{"isolatedHosts", isolatedSchema()},
		member{"quota", &jsonschema.Schema{
			Type: "string", Enum: []any{"enforce"},
			Description: "enforce: from 80 requests on that are not known to have finished, only isolation is sent, and from 100 on only releases",
		}},
	)
	s.Title = "policy"
	s.Description = "A policy of kes-respond. Several policies together allow no more than each of them."
	return schema{s}, nil
}

func most(limit, description string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "integer", Minimum: "1", Maximum: json.Number(limit), Description: description}
}

// capSchema is a bound of how many requests are sent in a time.
func capSchema() *jsonschema.Schema {
	s := object(
		member{"name", text(64, "The cap's name, once in a file")},
		member{"reason", text(512, "Why, quoted to the caller")},
		member{"effect", &jsonschema.Schema{Type: "string", Enum: anys(effects()), Description: "Only requests with this effect count; without it all but those that only release"}},
		member{"perMinute", most("50000", "At most so many in a minute, 1 to 50000")},
		member{"perHour", most("50000", "At most so many in an hour, 1 to 50000")},
		member{"perDay", most("50000", "At most so many in a day, 1 to 50000")},
	)
	s.Required = []string{"name", "reason"}
	s.Description = "A cap: what would be more than it allows is refused, with the time from which it is possible again"
	return s
}

func isolatedSchema() *jsonschema.Schema {
	counted := text(64, "How long a host counts that is not released through this ledger, 1h to 9600h; 168h where nothing is said")
	counted.Pattern = duration
	s := object(
		member{"most", most("1000", "At most so many hosts, 1 to 1000")},
		member{"countedFor", counted},
		member{"reason", text(512, "Why, quoted to the caller")},
	)
	s.Required = []string{"most", "reason"}
	s.Description = "How many different hosts are isolated at once"
	return s
}
