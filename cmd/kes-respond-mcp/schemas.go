package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/kes-respond/kes-respond/manifest"
	"github.com/kes-respond/kes-respond/shared"
)

// schema is a JSON Schema 2020-12, to be written as it is.
type schema map[string]any

// schemas are what tools take and give, made from those of the manifest.
type schemas struct {
	members         map[string]any // of a request
	result, checked schema
}

// taskMembers are the members of a request that a call may bring. The others are
// not for a model: which account is used, who asks, and whether what was sent a
// moment ago is sent once more.
var taskMembers = [...]string{"targetHost", "server", "hostLookup", "wait", "timeout", "dryRun", "marker", "idempotencyKey", "reason", "caseId"}

// members that are no members of a request.
const (
	argConfirmation = "confirmation"
	argRequest      = "request"
	argIncident     = "incident"
)

func readSchemas() (schemas, error) {
	var request struct {
		Properties map[string]any `json:"properties"`
	}
	if err := readSchema("request", &request); err != nil {
		return schemas{}, err
	}
	s := schemas{members: request.Properties}
	var err error
	if s.result, err = answerSchema("result"); err != nil {
		return s, err
	}
	s.result["properties"].(map[string]any)[argConfirmation] = schema{
		"type": "string", "description": "After a dry run: what the same call brings to have it carried out, once",
	}
	s.checked, err = answerSchema("checked")
	return s, err
}

func readSchema(name string, into any) error {
	data, ok := manifest.Schema(name)
	if !ok {
		return fmt.Errorf("the manifest has no schema %q", name)
	}
	return json.Unmarshal(data, into)
}

// answerSchema is that of an event of the given type, without what belongs to a
// stream of events.
func answerSchema(kind string) (schema, error) {
	var event struct {
		OneOf []schema `json:"oneOf"`
	}
	if err := readSchema("event", &event); err != nil {
		return nil, err
	}
	i := slices.IndexFunc(event.OneOf, func(s schema) bool { return s["title"] == kind })
	if i < 0 {
		return nil, fmt.Errorf("the manifest's schema of events has no %q", kind)
	}
	s := event.OneOf[i]
	properties, ok := s["properties"].(map[string]any)
	required, ok2 := s["required"].([]any)
	if !ok || !ok2 {
		return nil, errors.New("the manifest's schema of events has another form")
	}
	stream := []string{"type", "time", "seq"}
	if kind != "result" {
		stream = append(stream, "id")
	}
	for _, name := range stream {
		delete(properties, name)
	}
	s["required"] = slices.DeleteFunc(required, func(name any) bool { _, ok := properties[name.(string)]; return !ok })
	return s, nil
}

// input takes these members of a request and what is added.
func (s schemas) input(added map[string]any, names ...string) schema {
	properties := map[string]any{}
	for _, name := range names {
		properties[name] = s.members[name]
	}
	maps.Copy(properties, added)
	return schema{"type": "object", "properties": properties, "additionalProperties": false}
}

func (s schemas) task(t task, confirm bool) (schema, error) {
	var params map[string]any
	if err := readSchema(t.Name, &params); err != nil {
		return nil, err
	}
	delete(params, "$schema")
	delete(params, "$id")
	added := map[string]any{"params": params}
	if lookup, ok := s.members["hostLookup"].(map[string]any); ok {
		lookup = maps.Clone(lookup)
		lookup["enum"] = lookups()
		lookup["description"] = "How targetHost is looked up: auto (default) takes an exact id, else a DNS name, FQDN or NetBIOS name"
		added["hostLookup"] = lookup
	}
	if confirm && t.changes() {
		added[argConfirmation] = schema{
			"type": "string", "maxLength": 128,
			"description": "Only where the client cannot ask a person: what the dry run of this very call has returned",
		}
	}
	in := s.input(added, taskMembers[:]...)
	in["required"] = []string{"targetHost", "params"}
	return in, nil
}

// lookups leaves out never: what is confirmed is a host that was found.
func lookups() []string {
	return []string{shared.LookupAuto, shared.LookupID, shared.LookupDNS, shared.LookupFQDN, shared.LookupNetBIOS, shared.LookupIP}
}

func (s schemas) status() schema {
	return s.input(map[string]any{
		argIncident: schema{"type": "string", "pattern": "^[0-9]{1,19}$", "description": "Number of the incident, as an earlier result names it"},
		argRequest:  schema{"type": "string", "minLength": 1, "maxLength": shared.MaxIDLength, "description": "In its place: the id of the request, as an earlier result names it"},
	}, "server", "wait", "timeout")
}
