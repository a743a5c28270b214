package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"

	santhosh "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
)

// program is kes-respond serve with one server, "main", that speaks no TLS, so
// that nobody tries it again: what it does not refuse ends as failed.
type program struct{ *plugin.Plugin }

func newProgram(t *testing.T) program {
	t.Helper()
	dial := func(context.Context, string, string) (net.Conn, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			go io.Copy(io.Discard, far)            //nolint:errcheck // whatever it says
			far.Write([]byte("who is there?\r\n")) //nolint:errcheck // and whether it listens
		}()
		return near, nil
	}
	p, err := plugin.New(t.Context(), plugin.Config{
		Version: "test", FollowCalls: plugin.DefaultFollowCalls, Connections: plugin.Connections{Dial: dial},
		Servers: map[string]ksc.Config{"main": {Addr: "ksc.example:13299", User: "edr", Password: "demo-only", Dial: dial}},
	})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, p.Close(context.WithoutCancel(t.Context()))) })
	return program{p}
}

// takes sends one line through the carrier and says whether it was let in,
// and what was said.
func (p program) takes(t *testing.T, line []byte) (bool, string) {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, jsonl.Serve(t.Context(), p, bytes.NewReader(append(line, '\n')), &out, jsonl.Options{}))
	_, answer, _ := strings.Cut(out.String(), "\n")
	for one := range strings.Lines(answer) {
		var e shared.Event
		require.NoError(t, json.Unmarshal([]byte(one), &e))
		switch {
		case e.Problem != nil:
			// A cancel that came too late was read and understood.
			return strings.Contains(e.Problem.Message, "is in flight: it has ended"), answer
		case e.Result != nil:
			// A host or a request that is not there is no fault of the form.
			return e.Result.Outcome != shared.Refused || e.Result.Error.Code == shared.HostNotFound || strings.Contains(answer, "is of no request that the ledger"), answer
		}
	}
	return true, answer
}

// beyond are the values that the schema lets through and the program refuses;
// request.json names the kinds in its description. Nothing else may differ,
// and each of these must.
var beyond = map[string]string{
	`id 1.0`:                                "a schema counts 1.0 as an integer; an id is compared as written",
	`id 1e3`:                                "as above",
	`id 1` + strings.Repeat("0", 128):       "integers have no length in a schema",
	`target 1.0`:                            "as id",
	`target 1e3`:                            "as id",
	`target 1` + strings.Repeat("0", 128):   "as id",
	`timeout "0s"`:                          "the pattern does not add up",
	`timeout "24h0m1s"`:                     "the pattern does not add up",
	`timeout "9999999999h"`:                 "the pattern does not add up",
	`incident {"id":"0"}`:                   "the pattern does not compare",
	`incident {"id":"9999999999999999999"}`: "the pattern does not compare",
}

// lenient are the values that the program lets in and the schema does not.
var lenient = map[string]string{}

// beyondSaid are refusals of any member for what no schema can look at, by
// what the program says.
var beyondSaid = []string{
	"names no configured server", "a character was lost on the way here", "was not filled in by the caller's template", "found no such field",
	"must be a certificate as PEM text", "is PEM text without a readable certificate", "is no host name or address",
}

func requestBases() []string {
	return []string{
		`{"task":"isolateHost","targetHost":"PC-12","params":{"action":1},"hostLookup":"never"}`,
		`{"type":"respond","task":"onDemandScan","targetHost":"PC-12","params":[{"enabled":true,"path":"","recursive":true,"type":14}]}`,
		`{"type":"status","incident":{"id":"4711"}}`,
		`{"type":"status","target":"7"}`,
		`{"type":"cancel","target":"7"}`,
		`{"type":"describe"}`,
		`{"type":"describe","task":"getFile"}`,
		`{"type":"shutdown"}`,
		`{"type":"check"}`,
	}
}

// requestValues are tried for every member: something of each kind of JSON,
// and for texts the edges of every length and alphabet.
func requestValues() []string {
	values := []string{
		`null`, `true`, `false`, `0`, `1`, `-7`, `1.5`, `1.0`, `1e3`, `[]`, `{}`, `""`, `" "`, `"x"`, `"x y"`, `" x"`, `"x "`, `"\u00a0x"`, `"x\u3000"`, `"x\u2028"`, `"\u200bx"`, `"7"`, `"a\u0007b"`, `"a\u007fb"`, `"a\u0085b"`, `"a\nb"`,
		`{"action":1}`, `{"action":1.0}`, `{"action":null}`, `{"action":2}`, `[{"enabled":true,"path":"","recursive":true,"type":14}]`,
		`{"id":"7"}`, `{"id":7}`, `{"id":"0"}`, `{"id":"9999999999999999999"}`, `{"id":"12345678901234567890"}`, `{"id":"-7"}`, `{"ID":"7"}`,
		`{"id":"7","server":"main"}`, `{"id":"7","server":"x"}`, `{"id":"7","server":""}`, `{"id":"7","more":1}`, `{"server":"main"}`,
		`"90s"`, `"1.5h"`, `".5h"`, `"1h30m"`, `"5µs"`, `"+5m"`, `"-5m"`, `"0s"`, `"24h"`, `"24h0m1s"`, `"9999999999h"`, `"90"`, `"90 s"`, `"1d"`, `"."`, `"s"`,
		`"main"`, `"KUMA"`, `"My SIEM-2.0_x"`, `"a[b"`, `"Ähre"`, `"auto"`, `"AUTO"`, `"id"`, `"dns"`, `"fqdn"`, `"netbios"`, `"ip"`, `"never"`, `"submit"`, `"done"`,
		`"isolateHost"`, `"isolatehost"`, `"onDemandScan"`, `"respond"`, `"status"`, `"cancel"`, `"describe"`, `"check"`, `"shutdown"`, `"Respond"`,
		`"{{.Host}}"`, `"<no value>"`, "\"PC\uFFFD\"", `1` + strings.Repeat("0", 127), `1` + strings.Repeat("0", 128),
	}
	for _, n := range []int{32, 33, 64, 65, 128, 129, 256, 257, 1024, 1025} {
		values = append(values, `"`+strings.Repeat("a", n)+`"`)
	}
	return append(values, `"`+strings.Repeat("é", 128)+`"`, `"`+strings.Repeat("é", 256)+`"`)
}

// valuesFor are all values where a type of request takes the member, and one
// of each kind where it does not.
func valuesFor(base, member string) []string {
	var head struct{ Type, Task string }
	_ = json.Unmarshal([]byte(base), &head) // set says so when it is none
	if head.Type == "" {
		head.Type = shared.TypeRespond
	}
	second := head.Task == "onDemandScan" || head.Task == "getFile" // of a type that has its turn elsewhere
	for _, m := range requestMembers(nil) {
		if m.name == "connection" && member == m.name && (m.types == nil || slices.Contains(m.types, head.Type)) {
			return connectionValues()
		}
		if m.name == member && (m.types == nil || slices.Contains(m.types, head.Type)) && (!second || member == "params" || member == "task") {
			return requestValues()
		}
	}
	return []string{`null`, `true`, `false`, `1`, `"x"`, `""`, `[]`, `{}`, `{"id":"7"}`}
}

// knownMembers are the members that shared's Request can hold.
func knownMembers() []string {
	var names []string
	of := reflect.TypeFor[shared.Request]()
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

func set(t *testing.T, base, name, raw string) []byte {
	t.Helper()
	var members map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(base), &members))
	if raw == "" {
		delete(members, name)
	} else {
		members[name] = json.RawMessage(raw)
	}
	var b bytes.Buffer // not json.Marshal: it would mend what is broken
	b.WriteByte('{')
	for i, n := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", n, members[n])
	}
	b.WriteByte('}')
	return b.Bytes()
}

// TestRequestSchemaAndProgramAgree tries every value in every member of every
// type of request, each member left out, and members that none has: what the
// program lets in the schema passes, and the other way round.
func TestRequestSchemaAndProgramAgree(t *testing.T) {
	schema, p := compile(t, generated(t)["schemas/request.json"]), newProgram(t)
	differ := map[string]bool{}
	compare := func(t *testing.T, member, raw string, line []byte) {
		says := schema.Validate(value(t, line))
		in, answer := p.takes(t, line)
		if says == nil && !in {
			key := member + " " + raw
			for _, said := range beyondSaid {
				if strings.Contains(answer, said) {
					key = said
				}
			}
			if differ[key] = true; beyond[key] != "" || slices.Contains(beyondSaid, key) {
				return
			}
		}
		if key := member + " " + raw; says != nil && in && lenient[key] != "" {
			differ[key] = true
			return
		}
		assert.Equal(t, says == nil, in, "%s\nthe schema says: %v\nthe program says: %s", line, says, answer)
	}
	for _, base := range requestBases() {
		for _, member := range append(knownMembers(), "TargetHost", "targethost", "x", "kscPassword") {
			for _, raw := range valuesFor(base, member) {
				compare(t, member, raw, set(t, base, member, raw))
			}
			compare(t, member, "", set(t, base, member, ""))
		}
		if t.Failed() {
			return // one base shows enough
		}
	}
	for _, key := range slices.Concat(beyondSaid, slices.Collect(maps.Keys(beyond)), slices.Collect(maps.Keys(lenient))) {
		assert.True(t, differ[key], "%s: schema and program agree on it after all", key)
	}
}

// TestRequestSchemaNamesWhatIsCarriedOut compares the member table with the
// program: a member, a type or a value that a build starts to carry out has to
// be advertised, and not before.
func TestRequestSchemaNamesWhatIsCarriedOut(t *testing.T) {
	p := newProgram(t)
	var s struct {
		Properties map[string]struct{ Enum []any }
	}
	require.NoError(t, json.Unmarshal(generated(t)["schemas/request.json"], &s))
	plausible := map[string]string{
		"type": `"respond"`, "id": `"7"`, "task": `"isolateHost"`, "targetHost": `"PC-12"`, "params": `{"action":1}`, "responseEventIncident": `true`,
		"responseEventIncidentArea": `"KUMA"`, "server": `"main"`, "hostLookup": `"dns"`, "wait": `"submit"`, "timeout": `"90s"`, "dryRun": `true`,
		"idempotencyKey": `"k"`, "allowDuplicate": `true`, "marker": `true`, "actor": `"a"`, "reason": `"r"`, "caseId": `"c"`, "incident": `{"id":"7"}`, "target": `"7"`,
		"connection": `{"kscHost":"ksc.example","kscUser":"edr","kscPassword":"demo-only","kscCert":"` + strings.Repeat("00", 32) + `"}`,
	}
	for _, member := range knownMembers() {
		raw, ok := plausible[member]
		require.True(t, ok, "%s is new: say what it looks like", member)
		base := requestBases()[0]
		switch member {
		case "incident":
			base = requestBases()[2]
		case "target":
			base = requestBases()[4]
		}
		in, answer := p.takes(t, set(t, base, member, raw))
		assert.Equal(t, in, slices.Contains(slices.Collect(maps.Keys(s.Properties)), member), "%s: %s", member, answer)
	}
	for member, values := range map[string][]string{
		"wait":       {shared.WaitSubmit, shared.WaitDone},
		"hostLookup": {shared.LookupAuto, shared.LookupID, shared.LookupDNS, shared.LookupFQDN, shared.LookupNetBIOS, shared.LookupIP, shared.LookupNever},
	} {
		for _, v := range values {
			raw, err := json.Marshal(v)
			require.NoError(t, err)
			in, answer := p.takes(t, set(t, requestBases()[0], member, string(raw)))
			assert.Equal(t, in, slices.Contains(s.Properties[member].Enum, any(v)), "%s %s: %s", member, v, answer)
		}
	}
}

// TestEverySampleIsARequest: the samples stand in documentation and are what
// people start from.
func TestEverySampleIsARequest(t *testing.T) {
	files := generated(t)
	request := compile(t, files["schemas/request.json"])
	for _, one := range task.All() {
		params := compile(t, files["schemas/"+one.Name+".json"])
		require.NoError(t, params.Validate(value(t, one.Sample())), one.Name)
		sample := plugin.SampleRequest(one)
		require.NoError(t, request.Validate(value(t, sample)), one.Name)

		// What its own schema refuses the request's refuses, at the same place.
		err := request.Validate(value(t, set(t, string(sample), "params", `{"wrong":1}`)))
		var wrong *santhosh.ValidationError
		require.ErrorAs(t, err, &wrong, one.Name)
		leaf := wrong
		for len(leaf.Causes) > 0 {
			leaf = leaf.Causes[0]
		}
		assert.Equal(t, []string{"params"}, leaf.InstanceLocation, one.Name)
	}
}

// TestHelpPageFormIsARequest: a request in the form of the vendor's help page
// is one as it stands.
func TestHelpPageFormIsARequest(t *testing.T) {
	line := `{"targetHost":"4f9a26c6-6b8b-4a62-94a2-2f2c6a0e7d11","task":"startProcess","params":{"executablePath":"C:\\Windows\\System32\\where.exe","arguments":"cmd","workingFolder":""},"responseEventIncident":true,"responseEventIncidentArea":"KUMA"}`
	require.NoError(t, compile(t, generated(t)["schemas/request.json"]).Validate(value(t, []byte(line))))
	in, answer := newProgram(t).takes(t, []byte(line))
	assert.True(t, in, answer)
}

// TestRequestSchemaDegrades: a reader that knows the common subset alone sees
// each member, closed, and refuses nothing that is right.
func TestRequestSchemaDegrades(t *testing.T) {
	var s map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(generated(t)["schemas/request.json"], &s))
	delete(s, "allOf")
	data, err := json.Marshal(s)
	require.NoError(t, err)
	flat := compile(t, data)
	for _, base := range requestBases()[:8] {
		assert.NoError(t, flat.Validate(value(t, []byte(base))), base)
	}
	assert.Error(t, flat.Validate(value(t, []byte(`{"targethost":"a"}`))))
}
