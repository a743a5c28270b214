package task

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse: whatever comes, Parse answers; what it accepts the advertised
// schema accepts too, is sent as ASCII, and is read again as the same.
func FuzzParse(f *testing.F) {
	tasks, referees := All(), []func(testing.TB, string) error{}
	for i, task := range tasks {
		referees = append(referees, refereeOf(f, task))
		s := readStories(f, task.Name)
		for _, name := range s.accepted {
			f.Add(i, s.section(f, "accept/"+name+".json"))
		}
		for _, name := range s.refused {
			f.Add(i, s.section(f, "refuse/"+name+".json"))
		}
	}
	f.Fuzz(func(t *testing.T, i int, raw []byte) {
		i = int(uint(i) % uint(len(tasks)))
		before := bytes.Clone(raw)
		p, found := tasks[i].Parse(raw)
		require.Equal(t, before, raw, "the caller's bytes stay as they are")
		if len(found) > 0 {
			require.Equal(t, Params{}, p)
			for _, v := range found {
				require.True(t, v.Pointer == "/params" || strings.HasPrefix(v.Pointer, "/params/"), v.Pointer)
				require.NotEmpty(t, v.Message)
			}
			return
		}
		require.NoError(t, referees[i](t, string(raw)), "the schema refuses what was accepted")
		sent := p.JSON()
		require.True(t, json.Valid(sent))
		require.Equal(t, -1, bytes.IndexFunc(sent, func(r rune) bool { return r < ' ' || r > '~' }), "%s is more than ASCII", sent)
		again, found := tasks[i].Parse(sent)
		require.Empty(t, found, "%s", sent)
		require.Equal(t, p, again)
		for _, path := range p.Paths() {
			require.NotContains(t, path.Path, "/")
			require.NotContains(t, strings.TrimPrefix(path.Path, `\\`), `\\`)
		}
		if name, undo, ok := p.Undo(); ok {
			back, known := Lookup(name)
			require.True(t, known)
			_, found := back.Parse(undo)
			require.Empty(t, found, "what takes it back is a request that is taken")
		}
	})
}

// FuzzArchive: whatever a ZIP holds, checking it ends, and what is taken keeps
// the limits when another reader unpacks it.
func FuzzArchive(f *testing.F) {
	for _, entries := range [][]entry{
		nil,
		{{name: "a.ioc", data: ioc("1")}},
		{{name: "a.ioc", data: ioc("1"), method: 8}, {name: "x/b.xml", data: ioc("2"), method: 8}},
		{{name: "x/"}, {name: "x/a.ioc", data: []byte(sampleIOC), mode: 0o644}},
		{{name: "../a.ioc", data: ioc("1")}},
		{{name: "a.ioc", data: []byte(`<!DOCTYPE ioc [<!ENTITY a "b">]><ioc id="1">&a;</ioc>`)}},
	} {
		f.Add(archive(f, entries...))
	}
	f.Add(overlapping(f, 3, 1000))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		err := checkArchive(data)
		require.Equal(t, before, data)
		require.Equal(t, err == nil, checkBase64(base64.StdEncoding.EncodeToString(data)) == nil)
		if err != nil {
			return
		}
		text, err := loadArchive([]File{{"a.zip", data}})
		require.NoError(t, err)
		require.Equal(t, base64.StdEncoding.EncodeToString(data), text)
		keepsLimits(t, data)
	})
}

// FuzzOpenIOC: reading one file ends, and what is taken has an id and no
// document type.
func FuzzOpenIOC(f *testing.F) {
	f.Add([]byte(sampleIOC))
	f.Add(ioc("1"))
	f.Add([]byte(`<?xml version="1.0" encoding="us-ascii"?><!-- a --><o:OpenIOC xmlns:o="u:o" id="1" o:a="1"><![CDATA[x]]>&#x41;</o:OpenIOC>`))
	f.Add([]byte(`<!DOCTYPE ioc [<!ENTITY a "b">]><ioc id="1">&a;</ioc>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		id, err := checkXML(data)
		require.Equal(t, err == nil, id != "")
		if err == nil {
			require.Equal(t, strings.ToLower(strings.TrimSpace(id)), id)
			again, err := checkXML(append([]byte("\xef\xbb\xbf"), bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))...))
			require.NoError(t, err)
			require.Equal(t, id, again)
		}
	})
}
