package main

import (
	"fmt"
	"slices"

	"github.com/invopop/jsonschema"

	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// requestMember is one member of a request line: which types of requests take
// it (none named: all), and which cannot do without it. Only what this build
// carries out stands here; a test sends every member that shared knows through
// the program and compares.
type requestMember struct {
	member
	types    []string
	required []string
}

// requestTypes are the types of requests that this build carries out.
func requestTypes() []string {
	return []string{shared.TypeRespond, shared.TypeStatus, shared.TypeCancel, shared.TypeDescribe, shared.TypeCheck, shared.TypeShutdown}
}

// duration is a Go duration. That it lies above zero and within
// shared.MaxTimeout no pattern says.
const duration = `^\+?(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+$`

// blank are the characters that count as blanks around a name, save those
// that are control characters; edged is a text that neither begins nor ends
// with one.
const (
	blank = " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
	edged = `^[^\x00-\x1f\x7f-\x9f` + blank + `]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f` + blank + `])?$`
)

func requestMembers(tasks []*task.Task) []requestMember {
	respond, asks := []string{shared.TypeRespond}, []string{shared.TypeRespond, shared.TypeStatus}
	status, cancel := []string{shared.TypeStatus}, []string{shared.TypeCancel}
	var names []string
	for _, t := range tasks {
		names = append(names, t.Name)
	}
	timeout := text(64, `Time for the whole request, such as "90s" or "5m": above zero and at most 24h; where it is absent 60s, or 30m to wait for done`)
	timeout.Pattern = duration
	mark := &jsonschema.Schema{Type: "boolean", Enum: []any{true}, Description: "True where it is given: it is always sent as true"}
	host := text(256, "The host: its KSC id or a name, as hostLookup says; no blanks around it")
	host.Pattern = edged
	return []requestMember{
		{member{"type", oneOf("What is asked; respond where it is absent", requestTypes()...)}, nil, nil},
		{member{"id", id("Echoed as written; 7 and \"7\" are two ids, and an integer is written in digits alone. Made up where it is absent", false)}, nil, nil},
		{member{"task", oneOf("The response task", names...)}, []string{shared.TypeRespond, shared.TypeDescribe}, respond},
		{member{"targetHost", host}, respond, respond},
		{member{"params", &jsonschema.Schema{Description: "What the task takes: an object, for onDemandScan an array"}}, respond, respond},
		{member{"responseEventIncident", mark}, respond, nil},
		{member{"responseEventIncidentArea", matching(area, "The calling application, part of the console task's name; the configured one where it is absent, else "+shared.DefaultArea)}, respond, nil},
		{member{"server", text(128, "Name of a configured server; the only or default one where it is absent")}, append([]string{shared.TypeCheck}, asks...), nil},
		{member{"connection", connection()}, append([]string{shared.TypeCheck}, asks...), nil},
		{member{"hostLookup", oneOf("How targetHost is looked up: auto (default) takes an exact id, else a DNS name, FQDN or NetBIOS name; never sends it as it is",
			shared.LookupAuto, shared.LookupID, shared.LookupDNS, shared.LookupFQDN, shared.LookupNetBIOS, shared.LookupIP, shared.LookupNever)}, respond, nil},
		{member{"wait", oneOf("submit (default): until KSC has stored the request; done: until its console task has come to an end on the host", shared.WaitSubmit, shared.WaitDone)}, asks, nil},
		{member{"timeout", timeout}, asks, nil},
		{member{"dryRun", boolean("Everything but the sending")}, respond, nil},
		{member{"idempotencyKey", text(128, "The same key is the same request: it is carried out once, and a later one is answered with what became of the first")}, respond, nil},
		{member{"allowDuplicate", boolean("Send even though an equal request was sent a moment ago")}, respond, nil},
		{member{"marker", boolean("The area gets a short marker of this request's own, so that its console task is known by its name; with it the area has at most 23 characters")}, respond, nil},
		{member{"actor", text(256, "Who asks, for the ledger; recorded as claimed")}, respond, nil},
		{member{"reason", text(1024, "Why, for the ledger")}, respond, nil},
		{member{"caseId", text(256, "For which case, for the ledger")}, respond, nil},
		{member{"incident", incident()}, status, nil},
		{member{"target", id("The id of the request to cancel, or for status, in the place of incident, of the one asked about, as the ledger has it", false)}, append(status, cancel...), cancel},
	}
}

// incident is what status asks about. That the number lies from 1 to 2^63-1
// no pattern says readably.
func incident() *jsonschema.Schema {
	s := object(
		member{"server", text(128, "Name of the configured server that holds it")},
		member{"id", matching(`^[0-9]{1,19}$`, "Its number, as text: larger ones lose digits in some JSON readers")},
	)
	s.Required = []string{"id"}
	s.Description = "The incident that status asks about, as an earlier result names it"
	return s
}

// connection is a server that no configuration knows. It is complete, and its
// certificate is always checked.
func connection() *jsonschema.Schema {
	host := matching(hostName, "Name or address of the Administration Server, without scheme and port")
	host.MaxLength = new(uint64(256))
	cert := &jsonschema.Schema{
		Type: "string", MinLength: new(uint64(1)), MaxLength: new(uint64(65536)),
		Description: "Which certificate is the right one: PEM text (a CA's certificate, or the server's own), the server's SHA-256 or several with commas between, or the full path of a file that only its owner or root can change. It cannot be false",
		AnyOf: []*jsonschema.Schema{
			{Pattern: "-----BEGIN"},
			{Pattern: noControl, Not: &jsonschema.Schema{Pattern: "^([Ff][Aa][Ll][Ss][Ee]|[Tt][Rr][Uu][Ee])$"}},
		},
	}
	windows := text(256, "The Windows domain of the account")
	windows.Pattern = domain
	s := object(
		member{"kscHost", host},
		member{"kscPort", &jsonschema.Schema{
			Description: "Its OpenAPI port, 1 to 65535; 13299 where none is given",
			AnyOf:       []*jsonschema.Schema{{Type: "integer", Minimum: "1", Maximum: "65535"}, {Type: "string", Pattern: portText}},
		}},
		member{"kscCert", cert},
		member{"kscUser", text(256, "The account")},
		member{"kscPassword", text(1024, "Its password")},
		member{"kscDomain", windows},
		member{"kscInternalUser", boolean("The account lives in KSC itself")},
		member{"kscVServer", text(256, "A virtual server; the main one where none is given")},
	)
	s.Required = []string{"kscHost", "kscCert", "kscUser", "kscPassword"}
	s.Description = "The KSC server itself, in the place of a configured one: complete, for nothing is added to it from the configuration"
	return s
}

// requestSchema is flat, with what depends on type and task in if and then: a
// reader that knows only the common subset passes over those and still has
// every member, and one that knows them names the very place that is wrong,
// which a union of thirteen objects would not.
func requestSchema(string) (schema, error) {
	tasks := task.All()
	members := requestMembers(tasks)
	var plain []member
	for _, m := range members {
		plain = append(plain, m.member)
	}
	s := object(plain...)
	s.Title = "request"
	s.Description = "A request line of protocol 1. Refused beyond what a schema can say: a member that stands twice; text with NUL, U+FFFD, \"{{.\" or \"<no value>\" in it; " +
		fmt.Sprintf("nesting deeper than %d; more than %d members and items; ", shared.MaxDepth, shared.MaxValues) + "an id such as 1.0; a timeout of zero or above 24h; an incident's number outside 1 to 2^63-1; a connection whose kscHost no address can hold, or whose kscCert names no certificate; params that make no sense, such as a path that is no full path."
	s.Not = &jsonschema.Schema{Required: []string{"server", "connection"}}
	for _, name := range requestTypes() {
		s.AllOf = append(s.AllOf, ofType(name, members))
	}
	for _, t := range tasks {
		params, err := taskSchema(t)
		if err != nil {
			return schema{}, err
		}
		params.Version = ""
		s.AllOf = append(s.AllOf, when("task", t.Name, true, object(member{"params", params.Schema})))
	}
	return schema{s}, nil
}

// ofType says which members a type of request takes and needs. An absent type
// is respond.
func ofType(name string, members []requestMember) *jsonschema.Schema {
	then := &jsonschema.Schema{PropertyNames: &jsonschema.Schema{}}
	for _, m := range members {
		if m.types == nil || slices.Contains(m.types, name) {
			then.PropertyNames.Enum = append(then.PropertyNames.Enum, m.name)
		}
		if slices.Contains(m.required, name) {
			then.Required = append(then.Required, m.name)
		}
	}
	if name == shared.TypeStatus { // one of the two, and not both
		then.OneOf = []*jsonschema.Schema{{Required: []string{"incident"}}, {Required: []string{"target"}}}
	}
	return when("type", name, name != shared.TypeRespond, then)
}

// when applies then where a member has the given value; where it need not be
// present, its absence counts as that value.
func when(name, value string, present bool, then *jsonschema.Schema) *jsonschema.Schema {
	is := &jsonschema.Schema{Properties: jsonschema.NewProperties()}
	is.Properties.Set(name, &jsonschema.Schema{Enum: []any{value}})
	if present {
		is.Required = []string{name}
	}
	then.Type, then.AdditionalProperties = "", nil // the frame says both
	return &jsonschema.Schema{If: is, Then: then}
}
