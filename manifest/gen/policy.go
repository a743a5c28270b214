package main

import (
	"github.com/invopop/jsonschema"
)

// policySchema is a policy file: a list of rules that deny. Tasks are matched
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
	s := object(member{"deny", list(rule, "The rules; what none of them denies is allowed")})
	s.Required = []string{"deny"}
	s.Title = "policy"
	s.Description = "A policy of kes-respond. Several policies together allow no more than each of them."
	return schema{s}, nil
}
