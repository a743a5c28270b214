package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/invopop/jsonschema"

	"github.com/kes-respond/kes-respond/plugin/task"
)

func taskPageOf(t *task.Task) (taskPage, error) {
	s, err := taskSchema(t)
	if err != nil {
		return taskPage{}, err
	}
	s.Version = ""
	raw, err := compact(s.Schema)
	if err != nil {
		return taskPage{}, err
	}
	name := spaced(t.Name)
	p := taskPage{
		Name: t.Name, Words: name, Snake: strings.ReplaceAll(name, " ", "_"), Title: strings.ToUpper(name[:1]) + name[1:],
		Summary: t.Summary, Help: t.Help, Script: t.Script, Effects: t.Effects(), Hints: t.TaskHints, D3FEND: t.D3FEND,
		Schema: json.RawMessage(raw), Sample: t.Sample(),
	}
	one := s.Schema
	sample := t.Sample()
	if one.Items != nil {
		p.Array, one = true, one.Items
		var list []json.RawMessage
		if err := json.Unmarshal(sample, &list); err != nil || len(list) == 0 {
			return p, fmt.Errorf("its sample is no list with an item")
		}
		sample = list[0]
	}
	var values map[string]json.RawMessage
	if err := json.Unmarshal(sample, &values); err != nil {
		return p, err
	}
	for member := one.Properties.Oldest(); member != nil; member = member.Next() {
		p.Params = append(p.Params, paramPageOf(t, member.Key, member.Value, one.Required, values[member.Key]))
	}
	return p, nil
}

func paramPageOf(t *task.Task, name string, s *jsonschema.Schema, required []string, sample json.RawMessage) paramPage {
	p := paramPage{
		Name: name, Title: s.Title, Description: s.Description, Kind: s.Type, Sample: sample, File: name == t.LoadMember(),
		Required: slices.Contains(required, name) && !mayBeEmpty(s),
	}
	if sample == nil {
		p.Sample = json.RawMessage("null")
	}
	for _, v := range s.Enum {
		raw, _ := json.Marshal(v) // it was read from JSON
		p.Enum = append(p.Enum, raw)
	}
	return p
}

// mayBeEmpty says that a form may leave a text out although a request has to
// have it: then it is sent empty.
func mayBeEmpty(s *jsonschema.Schema) bool {
	if s.Type != "string" || s.MinLength != nil && *s.MinLength > 0 || len(s.Enum) > 0 {
		return false
	}
	re, err := regexp.Compile(s.Pattern)
	return err == nil && re.MatchString("")
}

// spaced is a name as words: isolateHost is "isolate host".
func spaced(name string) string {
	var b bytes.Buffer
	for _, r := range name {
		if unicode.IsUpper(r) {
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

// stableUUID makes the id that a platform wants of what is called so: the same
// name has the same id in every version.
func stableUUID(name string) string {
	sum := sha256.Sum256([]byte(idBase + name))
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80 // RFC 9562: version 8, custom
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
