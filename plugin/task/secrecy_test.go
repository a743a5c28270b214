package task

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// secret is what must come out nowhere. It holds what rules of every kind
// refuse, so that the rule which speaks has it in hand.
const secret = "hunter2 S3cr3t-Pa55"

// around are ways for a text to be wrong, with the secret in it.
var around = []string{
	"%s", "C:\\%s*", "C:\\%s?", "%s\x01", "C:\\%s|", " %s", "%s\\x", "C:\\\\%s", "C:\\..\\%s", "C:\\%s.", "C:\\x:%s", "C:\\%s\\",
	"%s\x00", "%s\ufffd", "{{.%s", "<no value>%s", "--password=%s", "https://user:%s@host/",
}

func quotesNothing(t require.TestingT, raw string, found ...string) {
	for _, text := range found {
		for _, piece := range strings.Fields(secret) {
			assert.NotContains(t, text, piece, raw)
		}
	}
}

// TestNoViolationQuotesAValue puts the secret into every member of every
// sample: as the value, inside a value of a wrong kind, and as a name.
func TestNoViolationQuotesAValue(t *testing.T) {
	for _, task := range All() {
		s := sampleOf(t, task)
		refusals := 0
		try := func(i int, text string) {
			raw := s.params(i, func(m sampleMember) string { return strings.ReplaceAll(text, "@", m.name) })
			_, found := task.Parse(json.RawMessage(raw))
			refusals += len(found)
			for _, v := range found {
				quotesNothing(t, raw, v.Pointer, v.Message)
			}
		}
		for i := range s.members {
			for _, way := range around {
				value, err := json.Marshal(fmt.Sprintf(way, secret))
				require.NoError(t, err)
				v := string(value)
				for _, text := range []string{
					`"@":` + v, `"@":[` + v + `]`, `"@":{"x":` + v + `}`, `"@":{` + v + `:1}`, `"@":null,` + v + `:1`, v + `:"@"`,
				} {
					// A name with a NUL or a lost character in it, or nested in
					// what is refused, is shown by the check that every line
					// passes before a task sees it, if at all.
					if strings.HasPrefix(text, `"@":`+v) || !strings.ContainsAny(fmt.Sprintf(way, ""), "\x00\ufffd") {
						try(i, text)
					}
				}
			}
			try(i, `"@":"`+secret) // broken JSON
		}
		assert.Greater(t, refusals, 100, task.Name)
	}
}

// TestNoArchiveErrorQuotesItsContent: names and ids in an archive are the
// content of a request too.
func TestNoArchiveErrorQuotesItsContent(t *testing.T) {
	for _, entries := range [][]entry{
		{{name: secret + ".txt"}},
		{{name: "../" + secret + ".ioc"}},
		{{name: "a.ioc", data: []byte("<" + secret)}},
		{{name: "a.ioc", data: []byte("<!DOCTYPE " + secret + ">")}},
		{{name: "a.ioc", data: []byte(`<?xml version="1.0" encoding="` + secret + `"?><ioc id="1"/>`)}},
		{{name: "a.ioc", data: []byte(`<ioc id="1">&` + secret + `;</ioc>`)}},
		{{name: "a.ioc", data: ioc(secret)}, {name: "b.ioc", data: ioc(secret)}},
		{{name: secret + ".ioc", data: ioc("1")}, {name: secret + ".ioc", data: ioc("2")}},
	} {
		err := checkArchive(archive(t, entries...))
		require.Error(t, err)
		quotesNothing(t, fmt.Sprint(entries), err.Error())
	}
}

// TestOnlyWhatLooksLikeANameIsShown: quotes that went astray turn the pieces
// of a command line into names.
func TestOnlyWhatLooksLikeANameIsShown(t *testing.T) {
	task, ok := Lookup("startProcess")
	require.True(t, ok)
	for name, shown := range map[string]bool{
		"argument": true, "Arguments": true, "working_folder": true, "аrguments": true, "x1": true,
		"": false, "-p hunter2": false, "a/b": false, "a~b": false, "a b": false, "a\nb": false, "searchInSubfolders?": false,
		strings.Repeat("a", 64): true, strings.Repeat("a", 65): false,
	} {
		value, err := json.Marshal(map[string]string{"executablePath": `C:\x.exe`, name: ""})
		require.NoError(t, err)
		_, found := task.Parse(value)
		require.Len(t, found, 1, name)
		if shown {
			assert.Equal(t, "/params/"+name, found[0].Pointer)
			assert.Contains(t, found[0].Message, "is not a parameter of this task")
			continue
		}
		assert.Equal(t, "/params: has a member whose name is no parameter of this task\n", list(found))
	}
}

// TestMessagesComeFromAClosedSet: whatever is drawn, a message is one of those
// that some fixed params give too, so none is made of a value.
func TestMessagesComeFromAClosedSet(t *testing.T) {
	for _, task := range All() {
		known := map[string]bool{}
		s := readStories(t, task.Name)
		for _, name := range s.refused {
			for _, line := range strings.Split(s.line(t, "refuse/"+name+".want"), "\n") {
				_, message, _ := strings.Cut(line, ": ")
				known[message] = true
			}
		}
		var schema generated
		require.NoError(t, json.Unmarshal(task.Schema(), &schema))
		for _, m := range append(sampleOf(t, task).members, sampleMember{name: "x"}) {
			known["is required"], known["must be true or false"], known["must be an object"] = true, true, true
			known["is not a parameter of this task"], known[`is not a parameter of this task; "`+m.name+`" is spelt so`] = true, true
		}
		known["has a member whose name is no parameter of this task"], known["stands twice"] = true, true
		known["has a name that cannot be read"], known[tooLongMessage] = true, true
		for _, low := range []int{0, 1} {
			known[fmt.Sprintf("must be a string of %d to 32767 characters", low)] = true
		}
		for _, r := range beyondSchema {
			known[r.message] = true
		}
		rapid.Check(t, func(rt *rapid.T) {
			raw := schema.draw(rt)
			_, found := task.Parse(json.RawMessage(raw))
			for _, v := range found {
				if !known[v.Message] {
					rt.Fatalf("%q is said of %s", v.Message, raw)
				}
			}
		})
	}
}
