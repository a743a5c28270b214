package dialect

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/params"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/shared"
)

var (
	wholeNumber = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})$`) })
	jsonText    = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\s*[\[{]`) })
)

// formValue is a value as the schema wants it, where that is certain.
func formValue(s params.Schema, raw json.RawMessage) json.RawMessage {
	raw = bytes.TrimSpace(raw)
	var list []json.RawMessage
	if s.Type != "array" && s.Type != "" && json.Unmarshal(raw, &list) == nil && len(list) == 1 {
		raw = bytes.TrimSpace(list[0])
	}
	var text string
	isText := json.Unmarshal(raw, &text) == nil && string(raw) != "null"
	if isText && (s.Type == "array" || s.Type == "object") && jsonText().MatchString(text) && json.Valid([]byte(text)) {
		raw = json.RawMessage(strings.TrimSpace(text)) // a form that has one line for all of it
	}
	lower := strings.ToLower(text)
	switch {
	case s.Type == "boolean" && isText && (lower == "true" || lower == "false"):
		return json.RawMessage(lower)
	case s.Type == "integer" && isText && wholeNumber().MatchString(text):
		return json.RawMessage(text)
	case s.Type == "string" && wholeNumber().Match(raw):
		return asText(string(raw))
	case s.Type == "object":
		return formObject(s, raw)
	case s.Type == "array" && s.Items != nil:
		return formArray(*s.Items, raw)
	}
	return raw
}

// formArray takes one object for a list of one.
func formArray(items params.Schema, raw json.RawMessage) json.RawMessage {
	var list []json.RawMessage
	if len(raw) > 0 && raw[0] == '{' {
		list = []json.RawMessage{raw}
	} else if json.Unmarshal(raw, &list) != nil || list == nil {
		return raw
	}
	for i, one := range list {
		list[i] = formValue(items, one)
	}
	data, _ := json.Marshal(list) // it was JSON a moment ago
	return data
}

func formObject(s params.Schema, raw json.RawMessage) json.RawMessage {
	var given map[string]json.RawMessage
	if found, err := shared.CheckJSON(raw); err != nil || len(found) > 0 || json.Unmarshal(raw, &given) != nil || given == nil {
		return raw // the check of requests says what is wrong
	}
	for _, p := range s.Properties {
		value, present := given[p.Name]
		required := slices.Contains(s.Required, p.Name)
		switch {
		case required && p.Schema.MayBeEmpty() && (!present || string(value) == "null"):
			given[p.Name] = json.RawMessage(`""`)
		case present && !required && empty(value):
			delete(given, p.Name)
		case present:
			given[p.Name] = formValue(p.Schema, value)
		}
	}
	return jsonObject(given)
}

// member is a member of an object, or nil where there is none of that name. One
// that stands twice is an error: whoever shaped an event may mean the other one.
func member(object json.RawMessage, name string) (found json.RawMessage, err error) {
	if text := bytes.TrimSpace(object); len(text) == 0 || text[0] != '{' {
		return nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	for _, err = dec.Token(); err == nil && dec.More(); {
		var key json.Token
		var value json.RawMessage
		if key, err = dec.Token(); err == nil {
			err = dec.Decode(&value)
		}
		if key == name && found != nil {
			return nil, fmt.Errorf("the field %s stands twice: it is not clear which is meant", printable.Text(name))
		}
		if key == name {
			found = value
		}
	}
	return found, err
}

// anObject says that it is an object, or nothing at all.
func anObject(raw json.RawMessage) bool {
	text := bytes.TrimSpace(raw)
	return len(text) == 0 || string(text) == "null" || text[0] == '{'
}

func empty(raw json.RawMessage) bool {
	text := string(bytes.TrimSpace(raw))
	return text == "" || text == "null" || text == `""`
}

func asText(text string) json.RawMessage {
	data, _ := json.Marshal(text) // a string always can be written
	return data
}

// jsonObject writes members that are JSON, in the order of their names.
func jsonObject(members map[string]json.RawMessage) json.RawMessage {
	data, err := json.Marshal(members)
	if err != nil {
		return json.RawMessage("null") // refused by whoever reads it
	}
	return data
}

// shortened is a text for the ledger: without what a request may not hold, and
// not longer than most characters.
func shortened(text string, most int) string {
	runes := []rune(strings.TrimSpace(strings.ReplaceAll(printable.Text(text), "\uFFFD", " ")))
	return string(runes[:min(len(runes), most)])
}
