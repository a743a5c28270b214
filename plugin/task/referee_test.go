package task

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// refereeOf is a second, complete validator of the task's advertised schema.
func refereeOf(t testing.TB, task *Task) func(t testing.TB, raw string) error {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(task.Schema())))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	c.AssertContent()
	require.NoError(t, c.AddResource("https://schema.example/task.json", doc))
	schema, err := c.Compile("https://schema.example/task.json")
	require.NoError(t, err)
	return func(t testing.TB, raw string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(raw))
		require.NoError(t, err)
		return schema.Validate(value)
	}
}

// rule is something that we refuse and no schema does: what its message says,
// and params for which the schema has nothing to say.
type rule struct{ task, params, message string }

// beyondSchema is the whole list that the package comment speaks of. A message
// that does not stand here may only be given where the schema refuses too.
var beyondSchema = []rule{
	// The text of the JSON: a value is all that a schema sees of it.
	{"isolateHost", `{"action":0,"action":1}`, "stands twice"},
	{"startProcess", `{"executablePath":"C:\\x.exe","arguments":"a\u0000b"}`, "holds a NUL character"},
	{"startProcess", `{"executablePath":"C:\\x.exe","arguments":"\ufffd"}`, "holds U+FFFD: a character was lost on the way here"},
	{"startProcess", `{"executablePath":"C:\\x.exe","arguments":"\ud800"}`, "holds U+FFFD: a character was lost on the way here"},
	{"startProcess", `{"executablePath":"C:\\x.exe","arguments":"{{.Args}}"}`, `holds "{{.": a field was not filled in by the caller's template`},
	{"startProcess", `{"executablePath":"C:\\x.exe","arguments":"<no value>"}`, `holds "<no value>": the caller's template found no such field`},
	// What the members mean together.
	{"getFile", `{"md5hash":"","sha256hash":"","path":""}`, "names no file: path, md5hash and sha256hash are all empty"},
	{"deleteFile", `{"md5hash":"","sha256hash":"","path":"C:\\Windows\\"}`, "names a folder, and nothing says which file"},
	{"onDemandScan", `[{"enabled":true,"path":"","recursive":true,"type":22}]`, "is empty, and type 22 scans a folder or file"},
	{"onDemandScan", `[{"enabled":true,"path":"C:\\","recursive":true,"type":14}]`, "must be empty for every type but 22"},
	{"onDemandScan", `[{"enabled":false,"path":"","recursive":true,"type":14}]`, "has no object that is enabled: nothing would be scanned"},
	// What a path is on Windows. Regular expressions could say some of it, but
	// not readably, and not in the subset that every platform understands.
	{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\` + strings.Repeat("\U0001f600", maxUnits/2) + `"}`, tooLongMessage},
	{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\*"}`, "holds '*' or '?': masks are not taken, and a lost character looks like one"},
	{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\a\tb"}`, "holds a control character"},
	{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\a|b"}`, `holds '<', '>', '|' or '"', which no Windows path has`},
	{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\x "}`, "begins or ends with a blank"},
	{"getFile", `{"md5hash":"","sha256hash":"","path":"x.exe"}`, `is no full path: it must begin with a drive (C:\), a share (\\server\share) or a variable (%SystemRoot%\)`},
	{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\\\x"}`, "holds two separators in a row: was a backslash doubled on the way here?"},
	{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\..\\x"}`, `holds a "." or ".." step: write out the path that is meant`},
	{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\x."}`, "holds a name that ends with a dot, which Windows drops"},
	{"getFile", `{"md5hash":"","sha256hash":"","path":"C:\\x:y"}`, "holds ':' after the drive: data streams and lists are not taken"},
	// What is in the archive: archive_test.go has all of it.
	{"iocScan", `{"ioc":"C:\\iocs.zip","isolateHost":false,"scanCriticalAreas":false,"quarantineObject":false}`, errNotBase64.Error()},
	{"iocScan", `{"ioc":"UEsD","isolateHost":false,"scanCriticalAreas":false,"quarantineObject":false}`, "is no ZIP archive that can be opened"},
	{"iocScan", `{"ioc":"UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==","isolateHost":false,"scanCriticalAreas":false,"quarantineObject":false}`, "holds no .ioc or .xml file"},
}

func TestWhatASchemaCannotSay(t *testing.T) {
	for _, r := range beyondSchema {
		task, ok := Lookup(r.task)
		require.True(t, ok)
		assert.NoError(t, refereeOf(t, task)(t, r.params), "the schema says this itself: %s", r.message)
		_, found := task.Parse(json.RawMessage(r.params))
		if assert.Len(t, found, 1, r.message) {
			assert.Equal(t, r.message, found[0].Message)
		}
	}
}

func beyond(message string) bool {
	return slices.ContainsFunc(beyondSchema, func(r rule) bool { return r.message == message })
}

// TestSchemaAndParseAgree: what we accept the schema accepts; and what the
// schema accepts we accept, save by the rules of beyondSchema.
func TestSchemaAndParseAgree(t *testing.T) {
	for _, task := range All() {
		t.Run(task.Name, func(t *testing.T) {
			t.Parallel()
			var s generated
			require.NoError(t, json.Unmarshal(task.Schema(), &s))
			referee := refereeOf(t, task)
			in, out, ours := 0, 0, 0
			rapid.Check(t, func(rt *rapid.T) {
				for _, raw := range rapid.SliceOfN(rapid.Custom(s.draw), 8, 8).Draw(rt, "params") {
					says := referee(t, raw)
					p, found := task.Parse(json.RawMessage(raw))
					switch {
					case len(found) == 0 && says == nil:
						in++
						again, wrong := task.Parse(p.JSON())
						if len(wrong) > 0 || string(again.JSON()) != string(p.JSON()) {
							rt.Fatalf("%s became %s, which is read as %s %v", raw, p.JSON(), again.JSON(), wrong)
						}
					case len(found) == 0:
						rt.Fatalf("the schema refuses what we take: %s\n%v", raw, says)
					case says != nil:
						out++
					default:
						ours++
						for _, v := range found {
							if !beyond(v.Message) {
								rt.Fatalf("we refuse what the schema takes: %s\n%v", raw, found)
							}
						}
					}
				}
			})
			t.Logf("both accept %d, both refuse %d, only we refuse %d", in, out, ours)
			assert.Greater(t, in, 30, "too few drawn to tell")
			assert.Greater(t, out, 100, "too few drawn to tell")
		})
	}
}
