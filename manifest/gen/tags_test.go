package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/task"
)

// idle lists the parts of jsonschema tags, in a type and all below it, that
// change nothing: the reflecting library passes over a misspelt keyword, and
// over one that does not fit the type, without a word.
func idle(t *testing.T, of reflect.Type) []string {
	t.Helper()
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return idle(t, of.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var found []string
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			found = append(found, idle(t, f.Type)...)
			continue
		}
		found = append(found, idle(t, f.Type)...)
		parts := split(f.Tag.Get("jsonschema"))
		whole := reflected(t, f, parts)
		for n, part := range parts {
			without := append(append([]string{}, parts[:n]...), parts[n+1:]...)
			if reflected(t, f, without) == whole {
				found = append(found, fmt.Sprintf("%s.%s: %s", of.Name(), f.Name, part))
			}
		}
	}
	return found
}

// reflected is the schema of a struct with this one field, its tag put
// together from parts.
func reflected(t *testing.T, f reflect.StructField, parts []string) string {
	t.Helper()
	tag := fmt.Sprintf("json:%q jsonschema:%q", f.Tag.Get("json"), strings.Join(parts, ","))
	one := reflect.StructOf([]reflect.StructField{{Name: f.Name, Type: f.Type, Tag: reflect.StructTag(tag)}})
	data, err := json.Marshal(paramsReflector().ReflectFromType(one))
	require.NoError(t, err)
	return string(data)
}

// split takes a tag apart at its commas, save those behind a backslash.
func split(tag string) []string {
	var parts []string
	for _, one := range strings.Split(tag, ",") {
		if n := len(parts); n > 0 && strings.HasSuffix(parts[n-1], `\`) {
			parts[n-1] += "," + one
			continue
		}
		if one != "" {
			parts = append(parts, one)
		}
	}
	return parts
}

func TestEveryTagHasAnEffect(t *testing.T) {
	for _, one := range task.All() {
		assert.Empty(t, idle(t, reflect.TypeOf(one.Prototype())), one.Name)
	}
}

func TestIdleFindsTagsWithoutEffect(t *testing.T) {
	type inner struct {
		Deep string `json:"deep" jsonschema:"maxlenght=3"`
	}
	type broken struct {
		inner
		Text   string   `json:"text" jsonschema:"title=T,minlength=1,pattern=^a{1\\,2}$"`
		Number int      `json:"number" jsonschema:"enum=1,enum=2,maxLength=3"`
		List   []*inner `json:"list" jsonschema:"minItems=1"`
		Twice  string   `json:"twice" jsonschema:"title=A,title=A"`
	}
	assert.Equal(t, []string{
		"inner.Deep: maxlenght=3", "broken.Text: minlength=1", "broken.Number: maxLength=3", "inner.Deep: maxlenght=3",
		"broken.Twice: title=A", "broken.Twice: title=A",
	}, idle(t, reflect.TypeFor[broken]()))
}
