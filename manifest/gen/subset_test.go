package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/task"
)

// taskKeywords are those that the params of a task may use. Platforms take
// these schemas apart and rebuild them: StackStorm reads Draft 3, Sekoia and
// InsightConnect Draft 7, MCP 2020-12, and form builders even less.
var taskKeywords = map[string]string{
	"$schema":              "the root alone; a reader that does not know 2020-12 passes over it",
	"$id":                  "the root alone; stable, so that a stored copy can be recognised",
	"title":                "a form's label, in every draft",
	"description":          "a form's help, in every draft",
	"type":                 "one name, never a list of them: form builders choose a widget by it",
	"properties":           "in every draft",
	"required":             "a list of names as from Draft 4; Draft 3 has it in each property, to which it can be turned",
	"additionalProperties": "in every draft; always false here, so that a misspelt name is not a default",
	"items":                "one schema, in every draft",
	"enum":                 "in every draft; const came with Draft 6",
	"pattern":              "in every draft; only syntax that ECMA 262, RE2, Python and Java share",
	"minLength":            "in every draft",
	"maxLength":            "in every draft",
	"minItems":             "in every draft",
	"maxItems":             "in every draft",
}

// lineKeywords are what the schemas of lines and of the configuration may use
// besides: they are for validators and editors, which know 2020-12. Whoever
// knows only the subset still sees every member of a request, see
// requestSchema.
var lineKeywords = map[string]string{
	"allOf":         "request: the rules by type and by task",
	"if":            "request: names the one place that is wrong",
	"then":          "request",
	"propertyNames": "request: which members a type takes; config: what a server may be called",
	"oneOf":         "event: the kinds, told apart by type; request: what status asks about",
	"anyOf":         "an id is a text or a number, kscPort and kscCert likewise",
	"not":           "config: what excludes each other",
	"minimum":       "seq and kscPort",
	"maximum":       "kscPort",
	"format":        "event: date-time",
}

// strange is regular expression syntax that engines read differently.
var strange = regexp.MustCompile(`\(\?|\\[pPAzZbBdDwWQ]|\[\[:|\$.|.\^[^\\\]:"]`)

// walk visits a schema and all below it. names holds the keywords under which
// schemas lie, so that a property of the name "type" is not taken for one.
func walk(at string, s any, visit func(at string, s map[string]any)) {
	m, ok := s.(map[string]any)
	if !ok {
		return
	}
	visit(at, m)
	for _, key := range slices.Sorted(maps.Keys(m)) {
		switch key {
		case "properties", "patternProperties", "$defs", "dependentSchemas":
			for name, one := range m[key].(map[string]any) {
				walk(at+"/"+key+"/"+name, one, visit)
			}
		case "items", "additionalProperties", "propertyNames", "not", "if", "then", "else", "contains":
			walk(at+"/"+key, m[key], visit)
		case "allOf", "anyOf", "oneOf", "prefixItems":
			for i, one := range m[key].([]any) {
				walk(fmt.Sprintf("%s/%s/%d", at, key, i), one, visit)
			}
		}
	}
}

// outside lists what in a schema lies outside the given keywords.
func outside(data []byte, allowed ...map[string]string) []string {
	var s any
	if err := json.Unmarshal(data, &s); err != nil {
		return []string{err.Error()}
	}
	var found []string
	walk("", s, func(at string, m map[string]any) {
		for key, value := range m {
			known := slices.ContainsFunc(allowed, func(a map[string]string) bool { return a[key] != "" })
			switch {
			case !known:
				found = append(found, at+"/"+key)
			case strings.HasPrefix(key, "$") && at != "":
				found = append(found, at+"/"+key+" below the root")
			case key == "type":
				if _, one := value.(string); !one {
					found = append(found, at+"/type is a list")
				}
			case key == "pattern":
				if _, err := regexp.Compile(value.(string)); err != nil || strange.MatchString(value.(string)) {
					found = append(found, at+"/pattern is not for every engine")
				}
			}
		}
	})
	slices.Sort(found)
	return found
}

func TestTaskSchemasKeepToTheSubset(t *testing.T) {
	files := generated(t)
	for _, one := range task.All() {
		data := files["schemas/"+one.Name+".json"]
		assert.Empty(t, outside(data, taskKeywords), one.Name)
		var s any
		require.NoError(t, json.Unmarshal(data, &s))
		walk("", s, func(at string, m map[string]any) {
			assert.NotEmpty(t, m["type"], "%s%s: a form cannot be built without a type", one.Name, at)
			if m["type"] == "object" {
				assert.Equal(t, false, m["additionalProperties"], "%s%s", one.Name, at)
			}
			if strings.Contains(at, "/properties/") {
				assert.NotEmpty(t, m["title"], "%s%s", one.Name, at)
				assert.NotEmpty(t, m["description"], "%s%s", one.Name, at)
			}
		})
	}
}

func TestLineSchemasKeepToTheirKeywords(t *testing.T) {
	files := generated(t)
	for _, name := range []string{"request", "event", "config", "policy"} {
		assert.Empty(t, outside(files["schemas/"+name+".json"], taskKeywords, lineKeywords), name)
	}
}

// TestEveryLineKeywordIsUsed keeps the list above no longer than it need be.
func TestEveryLineKeywordIsUsed(t *testing.T) {
	files := generated(t)
	used := map[string]bool{}
	for _, name := range []string{"request", "event", "config", "policy"} {
		var s any
		require.NoError(t, json.Unmarshal(files["schemas/"+name+".json"], &s))
		walk("", s, func(_ string, m map[string]any) {
			for key := range m {
				used[key] = true
			}
		})
	}
	for key := range lineKeywords {
		assert.True(t, used[key], key)
	}
}

func TestOutsideFindsWhatLiesOutside(t *testing.T) {
	for schema, want := range map[string][]string{
		`{"type":"object","properties":{"format":{"type":"string"}}}`:   nil,
		`{"properties":{"a":{"$ref":"#/x"}}}`:                           {"/properties/a/$ref"},
		`{"items":{"anyOf":[{"const":1}]}}`:                             {"/items/anyOf", "/items/anyOf/0/const"},
		`{"type":["string","null"]}`:                                    {"/type is a list"},
		`{"items":{"$id":"x"}}`:                                         {"/items/$id below the root"},
		`{"pattern":"^(?i)a$"}`:                                         {"/pattern is not for every engine"},
		`{"pattern":"\\d"}`:                                             {"/pattern is not for every engine"},
		`{"additionalProperties":{"pattern":"["}}`:                      {"/additionalProperties/pattern is not for every engine"},
		`{"pattern":"^([0-9A-Fa-f]{32})?$"}`:                            nil,
		`{"type":"object","properties":{"a":{"exclusiveMinimum":1}}}`:   {"/properties/a/exclusiveMinimum"},
		`{"type":"object","properties":{"a":{"type":"t","default":1}}}`: {"/properties/a/default"},
	} {
		assert.Equal(t, want, outside([]byte(schema), taskKeywords), schema)
	}
}
