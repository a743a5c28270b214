package main

import (
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/kes-respond/kes-respond/shared"
)

// eventSchema is a union of the kinds of events, told apart by type. Its
// objects are open: within a protocol version members may be added, and
// callers ignore those they do not know. What the members mean is said by the
// comments in shared.
func eventSchema(root string) (schema, error) {
	r, err := eventReflector(filepath.Join(root, "shared"))
	if err != nil {
		return schema{}, err
	}
	s := &jsonschema.Schema{
		Title: "event", Type: "object", Required: []string{"type", "time"},
		Description: "An event line of protocol 1. Members may be added within the protocol: ignore those that you do not know.",
	}
	event := reflect.TypeFor[shared.Event]()
	for i := range event.NumField() {
		f := event.Field(i)
		if f.Type.Kind() != reflect.Pointer {
			continue
		}
		one, err := eventKind(r, f)
		if err != nil {
			return schema{}, err
		}
		s.OneOf = append(s.OneOf, one)
	}
	return schema{s}, nil
}

// eventKind is one kind: the head that the carrier writes, then its members.
func eventKind(r *jsonschema.Reflector, f reflect.StructField) (*jsonschema.Schema, error) {
	var e shared.Event
	reflect.ValueOf(&e).Elem().FieldByIndex(f.Index).Set(reflect.New(f.Type.Elem()))
	kind := e.Type()
	if kind == "" {
		return nil, fmt.Errorf("shared.Event.%s has no type on the wire", f.Name)
	}
	body := r.ReflectFromType(f.Type.Elem())
	s := &jsonschema.Schema{
		Title: kind, Description: body.Description, Type: "object", Properties: jsonschema.NewProperties(), Required: []string{"type", "time"},
	}
	s.Properties.Set("type", &jsonschema.Schema{Type: "string", Enum: []any{kind}})
	s.Properties.Set("time", &jsonschema.Schema{Type: "string", Format: "date-time", Description: "RFC 3339, UTC"})
	seq := &jsonschema.Schema{Type: "integer", Minimum: "0", Description: "0, 1, 2 … within one id"}
	switch kind {
	case "hello":
	case "error":
		s.Properties.Set("id", id("The request that is refused; null for a line that is none", true))
		s.Properties.Set("seq", seq)
		s.Required = append(s.Required, "id")
	default:
		s.Properties.Set("id", id("The request's id, as written", false))
		s.Properties.Set("seq", seq)
		s.Required = append(s.Required, "id", "seq")
	}
	for p := body.Properties.Oldest(); p != nil; p = p.Next() {
		if _, taken := s.Properties.Get(p.Key); taken {
			return nil, fmt.Errorf("%s: member %s is the head's", kind, p.Key)
		}
		s.Properties.Set(p.Key, p.Value)
	}
	s.Required = append(s.Required, body.Required...)
	return s, nil
}

// eventReflector reflects what shared writes, with its comments, which lie in
// the folder source.
func eventReflector(source string) (*jsonschema.Reflector, error) {
	r := &jsonschema.Reflector{
		DoNotReference: true, Anonymous: true, ExpandedStruct: true, AllowAdditionalProperties: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			switch t {
			case reflect.TypeFor[shared.ID]():
				return id("", false)
			case reflect.TypeFor[shared.Outcome]():
				return &jsonschema.Schema{Type: "string", Enum: anys(outcomes())}
			case reflect.TypeFor[shared.Code]():
				return &jsonschema.Schema{Type: "string", Enum: anys(codes())}
			case reflect.TypeFor[shared.Effect]():
				return &jsonschema.Schema{Type: "string", Enum: anys(effects())}
			}
			return nil
		},
	}
	if err := r.AddGoComments("", source); err != nil {
		return nil, err
	}
	r.LookupComment = func(t reflect.Type, field string) string {
		if t.PkgPath() != reflect.TypeFor[shared.Event]().PkgPath() {
			return ""
		}
		if field == "" {
			return r.CommentMap[source+"."+t.Name()]
		}
		if own := r.CommentMap[source+"."+t.Name()+"."+field]; own != "" {
			return strings.ReplaceAll(own, "MaxListed", strconv.Itoa(shared.MaxListed))
		}
		f, _ := t.FieldByName(field) // without a comment of its own it means what its type says
		for f.Type.Kind() == reflect.Pointer || f.Type.Kind() == reflect.Slice {
			f.Type = f.Type.Elem()
		}
		return r.CommentMap[source+"."+f.Type.Name()]
	}
	return r, nil
}
