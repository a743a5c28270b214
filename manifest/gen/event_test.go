package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// filled gives every field below v a value, to the depth of the types.
func filled(v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Date(2026, 11, 25, 3, 0, 0, 123456789, time.UTC)
		return
	case *json.RawMessage:
		*x = json.RawMessage(`{"action":0}`)
		return
	case *shared.ID:
		*x = shared.IDOf("id \" with \u2028")
		return
	case *shared.Outcome:
		*x = shared.Submitted
		return
	case *shared.Code:
		*x = shared.BadRequest
		return
	case *shared.Effect:
		*x = shared.Isolates
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		filled(v.Index(0))
		filled(v.Index(1))
	case reflect.Struct:
		for i := range v.NumField() {
			filled(v.Field(i))
		}
	case reflect.String:
		v.SetString("Текст <&> \U0001f512")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(42)
	default:
		panic("no value for " + v.Type().String())
	}
}

// events are, of each kind, one with every member and one with as few as its
// types allow, as they stand on the wire.
func events(t *testing.T) map[string][]byte {
	t.Helper()
	at := time.Date(2026, 11, 25, 3, 0, 0, 0, time.FixedZone("", 3600))
	lines := map[string][]byte{}
	add := func(name string, e shared.Event) {
		e.Time = at
		line, err := shared.EventLine(e)
		require.NoError(t, err)
		lines[name] = line
	}
	of := reflect.TypeFor[shared.Event]()
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Type.Kind() != reflect.Pointer {
			continue
		}
		full := shared.Event{ID: `"7"`, Seq: 3}
		filled(reflect.ValueOf(&full).Elem().Field(i))
		if full.Hello != nil {
			full.ID = ""
		}
		add(full.Type(), full)
	}
	host := shared.Host{ID: "h"}
	add("least hello", shared.Event{Hello: &shared.Hello{Tasks: []string{}}})
	add("least accepted", shared.Event{ID: "7", Accepted: &shared.Accepted{Host: host}})
	add("least progress", shared.Event{ID: "-7", Progress: &shared.Progress{Stage: "one of tomorrow"}})
	for _, o := range outcomes() {
		add("result "+string(o), shared.Event{ID: "7", Result: &shared.Result{Outcome: o}})
	}
	for _, c := range codes() {
		add("result "+string(c), shared.Event{ID: "7", Result: &shared.Result{Outcome: shared.Failed, Error: &shared.Error{Code: c}}})
	}
	undo := &shared.Undo{Task: "onDemandScan", Params: json.RawMessage(`[{}]`)}
	add("undo by an array", shared.Event{ID: "7", Result: &shared.Result{Outcome: shared.Submitted, Undo: undo}})
	add("least described", shared.Event{ID: "7", Described: &shared.Description{Tasks: []shared.TaskDescription{}}})
	add("error of no request", shared.Event{Problem: &shared.Problem{Code: shared.BadRequest, Message: "m"}})
	long := shared.Event{ID: "7", Result: &shared.Result{Outcome: shared.Failed, Message: strings.Repeat("ж", 1<<17)}}
	add("shortened", long)
	return lines
}

func TestRealEventsFitTheSchema(t *testing.T) {
	data := generated(t)["schemas/event.json"]
	open, closed := compile(t, data), compile(t, shut(t, data))
	for name, line := range events(t) {
		assert.NoError(t, open.Validate(value(t, line)), "%s: %s", name, line)
		assert.NoError(t, closed.Validate(value(t, line)), "%s has a member that the schema does not name: %s", name, line)
	}
}

// shut closes every object of a schema.
func shut(t *testing.T, data []byte) []byte {
	t.Helper()
	var s any
	require.NoError(t, json.Unmarshal(data, &s))
	walk("", s, func(_ string, m map[string]any) {
		if m["properties"] != nil && m["oneOf"] == nil {
			m["additionalProperties"] = false
		}
	})
	out, err := json.Marshal(s)
	require.NoError(t, err)
	return out
}

// TestBrokenEventsDoNotFit takes away what is required and turns values into
// another kind, in each kind of event; members of tomorrow pass.
func TestBrokenEventsDoNotFit(t *testing.T) {
	data := generated(t)["schemas/event.json"]
	schema := compile(t, data)
	var union struct {
		OneOf []struct {
			Title      string
			Required   []string
			Properties map[string]map[string]any
		}
	}
	require.NoError(t, json.Unmarshal(data, &union))
	lines := events(t)
	for _, kind := range union.OneOf {
		line := lines[kind.Title]
		require.NotEmpty(t, line, "no event of kind %s was built", kind.Title)
		for _, name := range kind.Required {
			assert.Error(t, schema.Validate(value(t, set(t, string(line), name, ""))), "%s without %s", kind.Title, name)
		}
		for name, member := range kind.Properties {
			wrong := `[[]]`
			if member["type"] == "array" {
				wrong = `"text"`
			}
			assert.Error(t, schema.Validate(value(t, set(t, string(line), name, wrong))), "%s with %s: %s", kind.Title, name, wrong)
		}
		assert.NoError(t, schema.Validate(value(t, set(t, string(line), "tomorrow", `{"a":1}`))))
	}
	result := string(lines["result"])
	for name, raw := range map[string]string{
		"outcome": `"done"`, "seq": `-1`, "time": `"yesterday"`, "type": `"tomorrow"`, "id": `null`, "error": `{"code":"new","message":"","retryable":true}`,
		"host": `{"name":"without an id"}`, "incident": `{"id":7}`,
	} {
		assert.Error(t, schema.Validate(value(t, set(t, result, name, raw))), "%s: %s", name, raw)
	}
}

// TestClosedSetsAreThoseOfTheContract reads the constants of shared.
func TestClosedSetsAreThoseOfTheContract(t *testing.T) {
	declared := map[string][]string{}
	paths, err := filepath.Glob(filepath.Join(root, "shared", "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		require.NoError(t, err)
		ast.Inspect(f, func(n ast.Node) bool {
			c, ok := n.(*ast.ValueSpec)
			if !ok || c.Type == nil {
				return true
			}
			of, _ := c.Type.(*ast.Ident)
			for _, v := range c.Values {
				if text, ok := v.(*ast.BasicLit); ok && of != nil && text.Kind == token.STRING {
					value, err := strconv.Unquote(text.Value)
					require.NoError(t, err)
					declared[of.Name] = append(declared[of.Name], value)
				}
			}
			return true
		})
	}
	for of, ours := range map[string][]string{"Outcome": texts(outcomes()), "Code": texts(codes()), "Effect": texts(effects())} {
		slices.Sort(ours)
		slices.Sort(declared[of])
		assert.Equal(t, declared[of], ours, of)
	}
}

func texts[T ~string](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}
