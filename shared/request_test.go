package shared_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/shared"
)

const minimal = `"task":"isolateHost","targetHost":"PC-12","params":{"action":1}`

// with is a request of the given members beside the required ones.
func with(members string) string { return `{` + minimal + `,` + members + `}` }

// wrong gives the violations of a line that is a request, as "pointer message".
func wrong(t testing.TB, line string) []string {
	t.Helper()
	r, refusal := shared.ParseRequest([]byte(line))
	require.NotEmpty(t, r.ID, "%.200s: %v", line, refusal)
	var all []string
	if refusal != nil {
		require.Equal(t, shared.BadRequest, refusal.Code)
		require.NotEmpty(t, refusal.Violations)
		for _, v := range refusal.Violations {
			all = append(all, v.Pointer+" "+v.Message)
		}
	}
	return all
}

func TestRequestDefaults(t *testing.T) {
	r, refusal := shared.ParseRequest([]byte(`{` + minimal + `}`))
	require.Nil(t, refusal)
	assert.Regexp(t, `^"r-[0-9a-f]{24}"$`, string(r.ID))
	r.ID = ""
	assert.Equal(t, shared.Request{
		Type: "respond", Task: "isolateHost", TargetHost: "PC-12", Params: json.RawMessage(`{"action":1}`), HostLookup: "auto", Wait: "submit",
	}, r)
	assert.Equal(t, 60*time.Second, r.TimeLimit())
	assert.Equal(t, 30*time.Minute, shared.Request{Wait: shared.WaitDone}.TimeLimit())
	assert.Equal(t, 5*time.Second, shared.Request{Wait: shared.WaitDone, Timeout: shared.Duration(5 * time.Second)}.TimeLimit())
}

func TestRequestWithEverything(t *testing.T) {
	r, refusal := shared.ParseRequest([]byte(" \t{ \"type\" : \"respond\" , \"id\" : -12 , " + minimal + ` , "responseEventIncident" : true ,
		"responseEventIncidentArea" : "My area-1.0_x" , "server" : "main" , "connection" : {"kscHost":"h"} , "hostLookup" : "fqdn" , "wait" : "done" ,
		"timeout" : "1h30m" , "dryRun" : true , "idempotencyKey" : "k" , "allowDuplicate" : true , "actor" : "a" , "reason" : "r" , "caseId" : "c" } ` + "\r"))
	require.Nil(t, refusal)
	assert.Equal(t, shared.Request{
		Type: "respond", ID: "-12", Task: "isolateHost", TargetHost: "PC-12", Params: json.RawMessage(`{"action":1}`),
		ResponseEventIncident: true, ResponseEventIncidentArea: "My area-1.0_x", Server: "main", Connection: json.RawMessage(`{"kscHost":"h"}`),
		HostLookup: "fqdn", Wait: "done", Timeout: shared.Duration(90 * time.Minute), DryRun: true, IdempotencyKey: "k", AllowDuplicate: true,
		Actor: "a", Reason: "r", CaseID: "c",
	}, r)
}

// good and bad values of each member, as raw JSON. A bad one is refused at the
// member, by the message that begins so.
func memberValues() map[string]struct{ good, bad []string } {
	n := func(c string, times int) string { return `"` + strings.Repeat(c, times) + `"` }
	texts := func(most int, others ...string) []string {
		return append(others, `null`, `1`, `true`, `{}`, `[]`, `["a"]`, `""`, n("x", most+1), n("😀", most+1), `"a\nb"`, `"a\u007f"`, `"\u0085"`)
	}
	words := []string{`null`, `1`, `{}`, `[]`, `""`, `"x"`, `true`}
	flags := []string{`null`, `1`, `0`, `"true"`, `{}`, `[]`, `""`}
	type values = struct{ good, bad []string }
	return map[string]values{
		"task":       {[]string{`"isolateHost"`, `"anything"`, n("x", 64), `"isolate\u0048ost"`}, texts(64)},
		"targetHost": {[]string{`"PC-12"`, n("x", 256), n("😀", 256), `"a b"`, `"*"`, `"имя"`}, texts(256, `" "`, `" PC-12"`, `"PC-12\u00a0"`)},
		"params":     {[]string{`{}`, `[]`, `{"a":null}`}, []string{`null`, `1`, `true`, `""`, `"{}"`}},
		"responseEventIncident": {
			[]string{`true`}, append(flags, `false`),
		},
		"responseEventIncidentArea": {
			[]string{`"K"`, n("x", 32), `"a b._-Z9"`},
			texts(32, `"ж"`, `"a]"`, `"[a"`, `"a/b"`, `"a\tb"`),
		},
		"server":         {[]string{`"main"`, n("x", 128)}, texts(128)},
		"connection":     {[]string{`{}`, `{"a":1}`}, []string{`null`, `1`, `[]`, `"h"`, `true`}},
		"hostLookup":     {[]string{`"auto"`, `"id"`, `"dns"`, `"fqdn"`, `"netbios"`, `"ip"`, `"never"`}, append(words, `"Auto"`, `"never "`)},
		"wait":           {[]string{`"submit"`, `"done"`}, append(words, `"Done"`)},
		"timeout":        {[]string{`"1ns"`, `"90s"`, `"1.5h"`, `"1h30m"`, `"24h"`, `".5s"`, `"+5s"`, `"100ms"`}, []string{`null`, `60`, `{}`, `[]`, `""`, `"0"`, `"0s"`, `"-5s"`, `"60"`, `"5 s"`, `"24h1ns"`, `"1d"`, `"1e3s"`, `"9999999999h"`, `"PT5M"`}},
		"dryRun":         {[]string{`true`, `false`}, flags},
		"idempotencyKey": {[]string{`"k"`, n("x", 128)}, texts(128)},
		"allowDuplicate": {[]string{`true`, `false`}, flags},
		"marker":         {[]string{`true`, `false`}, flags},
		"actor":          {[]string{`"a"`, n("x", 256)}, texts(256)},
		"reason":         {[]string{`"a"`, n("x", 1024)}, texts(1024)},
		"caseId":         {[]string{`"a"`, n("x", 256)}, texts(256)},
		"incident": {
			[]string{`{"id":"4711"}`, `{"id":"9223372036854775807","server":"main"}`},
			[]string{`null`, `1`, `"4711"`, `[]`, `{}`, `{"id":null}`, `{"id":4711}`, `{"id":""}`, `{"id":"-1"}`, `{"id":"1.0"}`, `{"id":"99999999999999999999"}`, `{"ID":"1"}`, `{"id":"1","server":""}`, `{"id":"1","server":null}`, `{"id":"1","addedAt":"2026-11-25T09:00:00Z"}`},
		},
		"target": {[]string{`1`, `"a"`, `-1`}, []string{`null`, `true`, `{}`, `[]`, `""`, `1.0`, `1e2`}},
	}
}

// baseOf gives a request of the type that the member belongs to, without it.
func baseOf(member string) (kind, others string) {
	required := []struct{ name, value string }{{"task", `"isolateHost"`}, {"targetHost", `"PC-12"`}, {"params", `{"action":1}`}}
	switch member {
	case "incident":
		return "status", `"type":"status"`
	case "target":
		return "cancel", `"type":"cancel"`
	}
	others = `"type":"respond"`
	for _, r := range required {
		if r.name != member {
			others += `,"` + r.name + `":` + r.value
		}
	}
	return "respond", others
}

// TestEveryValueOfEveryMember also misspells, doubles and recases each.
func TestEveryValueOfEveryMember(t *testing.T) {
	tested := 0
	for member, values := range memberValues() {
		_, others := baseOf(member)
		for _, v := range values.good {
			assert.Empty(t, wrong(t, `{`+others+`,"`+member+`":`+v+`}`), "%s: %.80s", member, v)
		}
		for _, v := range values.bad {
			line := `{` + others + `,"` + member + `":` + v + `}`
			found := wrong(t, line)
			if assert.NotEmpty(t, found, "%s: %.80s", member, v) {
				assert.True(t, strings.HasPrefix(found[0], "/"+member), "%s: %.80s: %s", member, v, found)
			}
			tested++
		}
		good := values.good[0]
		assert.Contains(t, wrong(t, `{`+others+`,"`+member+`":`+good+`,"`+member+`":`+good+`}`), "/"+member+" stands twice")
		escaped := fmt.Sprintf(`\u%04x`, member[0]) + member[1:]
		assert.Contains(t, wrong(t, `{`+others+`,"`+member+`":`+good+`,"`+escaped+`":`+good+`}`), "/"+member+" stands twice")
		upper := strings.ToUpper(member)
		assert.Contains(t, wrong(t, `{`+others+`,"`+upper+`":`+good+`}`),
			"/"+upper+` is not a member that requests have; "`+member+`" is spelt so`)
		assert.Contains(t, wrong(t, `{`+others+`,"`+member+`x":`+good+`}`), "/"+member+"x is not a member that requests have")
	}
	assert.Greater(t, tested, 150)
}

func TestAllThatIsWrongIsNamedAtOnce(t *testing.T) {
	assert.Equal(t, []string{
		"/params/a stands twice",
		"/params/b/1 holds a NUL character",
		"/targetHost is required",
		"/dryRun must be true or false",
		"/incident has no meaning in a request of type respond",
		"/a~1b~0 is not a member that requests have",
		"/z is not a member that requests have",
	}, wrong(t, `{"z":1,"a/b~":2,"task":"t","params":{"a":1,"a":2,"b":[0,"\u0000"]},"dryRun":"yes","incident":{}}`))
	assert.Equal(t, []string{"/incident/id must be a string", "/incident/more is not a member that incident has; id and server are", "/incident/server must be a string"},
		wrong(t, `{"type":"status","incident":{"more":1,"server":2,"id":3}}`))
}

func TestIDForms(t *testing.T) {
	huge := strings.Repeat("9", shared.MaxIDLength)
	for raw, id := range map[string]string{
		`7`: `7`, `"7"`: `"7"`, `0`: `0`, `-0`: `-0`, `-12`: `-12`, huge: huge, "-" + huge: "-" + huge, `"a b"`: `"a b"`,
		`"\u0041"`: `"A"`, `"ж"`: `"\u0436"`, `"😀"`: `"\ud83d\ude00"`, `"\ud83d\ude00"`: `"\ud83d\ude00"`, `"<&>"`: `"<&>"`, `"\/"`: `"/"`, `"\n"`: `"\n"`,
		`"` + strings.Repeat("ж", 128) + `"`: `"` + strings.Repeat(`\u0436`, 128) + `"`,
	} {
		r, refusal := shared.ParseRequest([]byte(with(`"id":` + raw)))
		require.Nil(t, refusal, raw)
		assert.Equal(t, id, string(r.ID))
		written, err := json.Marshal(r.ID)
		require.NoError(t, err)
		var back shared.ID
		require.NoError(t, json.Unmarshal(written, &back))
		assert.Equal(t, r.ID, back)
	}
	for _, raw := range []string{
		`null`, `1.0`, `1.5`, `1e2`, `1E2`, `true`, `{}`, `[]`, `[1]`, `""`, `"` + strings.Repeat("x", 129) + `"`, "1" + huge, "-1" + huge,
		`"\ud800"`, `"\u0000"`, "\"\uFFFD\"", `"{{.ID}}"`, `"<no value>"`,
	} {
		r, refusal := shared.ParseRequest([]byte(with(`"id":` + raw)))
		assert.Empty(t, r.ID, "%s has an answer with an id, and nobody knows which", raw)
		require.NotNil(t, refusal)
		assert.Contains(t, refusal.Message, "its id ")
	}
	for _, raw := range []string{``, ` `, `-`, `--1`, `007`, `-01`, `1 2`, `1-1`, `0x1`, `"a`, `"a" "b"`, `'a'`, `+1`} {
		_, err := shared.ParseID([]byte(raw))
		assert.Error(t, err, raw)
	}
	assert.Equal(t, "ж", shared.IDOf("ж").Text())
	assert.Equal(t, "7", shared.ID("7").Text())
	assert.NotEqual(t, shared.NewID(), shared.NewID())
}

// TestAnIDThatStandsTwiceIsNone, however much else is wrong before it.
func TestAnIDThatStandsTwiceIsNone(t *testing.T) {
	for _, line := range []string{
		with(`"id":1,"id":1`), with(`"id":1,"\u0069d":2`), `{` + strings.Repeat(`"x":1,`, 1000) + `"id":1,"id":2}`,
	} {
		r, refusal := shared.ParseRequest([]byte(line))
		assert.Empty(t, r.ID)
		assert.Contains(t, refusal.Message, "its id stands twice")
	}
	r, refusal := shared.ParseRequest([]byte(with(`"id":5,"params2":{"id":1,"id":2}`)))
	assert.Equal(t, shared.ID("5"), r.ID, "an id further in is none of ours")
	assert.NotNil(t, refusal)
}

func TestLinesThatAreNoRequests(t *testing.T) {
	for name, line := range map[string]string{
		"empty": ``, "blank": ` `, "word": `hello`, "half": `{"id":1,`, "two": `{} {}`, "array": `[{}]`, "null": `null`, "string": `"{}"`, "number": `1`,
		"comment": `{} // x`, "trailing comma": `{"id":1,}`, "single quotes": `{'id':1}`, "BOM": "\ufeff{}", "NUL": "{\x00}", "raw control": "{\"id\":\"\x01\"}",
		"UTF-8": "{\"id\":\"\xff\"}", "overlong": "{\"id\":\"\xc0\xaf\"}", "surrogate": "{\"id\":\"\xed\xa0\x80\"}",
		"unknown type": `{"type":"Respond"}`, "type null": `{"type":null}`, "type 1": `{"type":1}`, "type empty": `{"type":""}`,
		"bottomless": strings.Repeat("[", 1<<20), "very deep": `{"params":` + strings.Repeat("[", 10001) + strings.Repeat("]", 10001) + `}`,
		"long": `{"reason":"` + strings.Repeat("x", shared.MaxRequestBytes) + `"}`,
	} {
		r, refusal := shared.ParseRequest([]byte(line))
		assert.Equal(t, shared.Request{}, r, name)
		if assert.NotNil(t, refusal, name) {
			assert.Equal(t, shared.BadRequest, refusal.Code)
			assert.True(t, strings.HasPrefix(refusal.Message, "this line is no request: "), refusal.Message)
			assert.Less(t, len(refusal.Message), 500)
		}
	}
}

// TestTypesTakeTheirMembersOnly tries each member in each type of request.
func TestTypesTakeTheirMembersOnly(t *testing.T) {
	takes := map[string][]string{
		"respond": {
			"task", "targetHost", "params", "responseEventIncident", "responseEventIncidentArea", "server", "connection", "hostLookup",
			"wait", "timeout", "dryRun", "idempotencyKey", "allowDuplicate", "marker", "actor", "reason", "caseId",
		},
		"status":   {"server", "connection", "wait", "timeout", "incident", "target"},
		"cancel":   {"target"},
		"describe": {"task"},
		"check":    {"server", "connection"},
		"shutdown": {},
	}
	for kind, own := range takes {
		for member, values := range memberValues() {
			found := wrong(t, `{"id":1,"type":"`+kind+`","`+member+`":`+values.good[0]+`}`)
			refused := slices.Contains(found, "/"+member+" has no meaning in a request of type "+kind)
			assert.Equal(t, !slices.Contains(own, member), refused, "%s in %s", member, kind)
		}
	}
}

// TestARequestWrittenIsReadAlike, so that a client may send on what it read.
func TestARequestWrittenIsReadAlike(t *testing.T) {
	values := memberValues()
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"respond", "status", "cancel", "describe", "check", "shutdown"}).Draw(t, "type")
		parts := []string{`"type":"` + kind + `"`}
		for _, member := range []string{"task", "targetHost", "params", "incident", "target", "timeout", "wait", "hostLookup", "dryRun", "server", "reason", "connection"} {
			parts = append(parts, `"`+member+`":`+rapid.SampledFrom(values[member].good).Draw(t, member))
		}
		kept := parts[:1]
		for _, p := range parts[1:] {
			if kind == "status" && strings.HasPrefix(p, `"target"`) {
				continue // not beside incident
			}
			_, refusal := shared.ParseRequest([]byte(`{` + parts[0] + `,` + p + `}`))
			if refusal == nil || !slices.ContainsFunc(refusal.Violations, func(v shared.Violation) bool { return strings.HasPrefix(v.Message, "has no meaning") }) {
				kept = append(kept, p)
			}
		}
		r, refusal := shared.ParseRequest([]byte(`{` + strings.Join(kept, ",") + `}`))
		require.Nil(t, refusal)
		written, err := json.Marshal(r)
		require.NoError(t, err)
		again, refusal := shared.ParseRequest(written)
		require.Nil(t, refusal, string(written))
		require.Equal(t, r, again)
	})
}

// TestTheRequestKeepsNothingOfTheLine: a reader uses its buffer again.
func TestTheRequestKeepsNothingOfTheLine(t *testing.T) {
	line := []byte(with(`"id":"abc","connection":{"kscHost":"h"},"reason":"r"`))
	r, refusal := shared.ParseRequest(line)
	require.Nil(t, refusal)
	before := string(mustJSON(t, r))
	copy(line, bytes.Repeat([]byte("#"), len(line)))
	assert.Equal(t, before, string(mustJSON(t, r)))
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	return data
}
