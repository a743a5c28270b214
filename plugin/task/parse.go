package task

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/kes-respond/kes-respond/shared"
)

// Parse checks raw JSON and then decodes it: first that it is strict JSON,
// then the advertised schema, then sense. All violations of a stage are named
// at once, with pointers that begin with /params. No message quotes a value.
func (t *Task) Parse(raw json.RawMessage) (Params, []shared.Violation) {
	found, err := shared.CheckJSON(raw)
	if err != nil {
		return Params{}, []shared.Violation{{Pointer: "/params", Message: "is " + shared.ErrNotJSON.Error()}}
	}
	for i := range found {
		found[i].Pointer = "/params" + found[i].Pointer
	}
	if len(found) > 0 {
		return Params{}, found
	}
	c, err := t.checker()
	if err != nil {
		return Params{}, []shared.Violation{{Pointer: "/params", Message: "cannot be checked: " + err.Error()}}
	}
	value, err := tree(raw)
	if err != nil {
		return Params{}, []shared.Violation{{Pointer: "/params", Message: "cannot be read"}}
	}
	if found = c.check(nil, "/params", value); len(found) > 0 {
		return Params{}, found
	}
	return t.decode(raw)
}

// checker holds a schema apart into its members, each with a validator of its
// own: the library names only the first thing that is wrong, and a person
// wants to hear of all.
type checker struct {
	schema   *jsonschema.Schema
	resolved *jsonschema.Resolved
	members  map[string]*checker
	items    *checker
}

func newChecker(data []byte) (*checker, error) {
	var s jsonschema.Schema
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, err
	}
	return checkerOf(&s)
}

func checkerOf(s *jsonschema.Schema) (*checker, error) {
	c := &checker{schema: s, members: map[string]*checker{}}
	var err error
	for name, member := range s.Properties {
		if c.members[name], err = checkerOf(member); err != nil {
			return nil, err
		}
	}
	if s.Items != nil {
		if c.items, err = checkerOf(s.Items); err != nil {
			return nil, err
		}
	}
	c.resolved, err = s.CloneSchemas().Resolve(nil)
	return c, err
}

// mostNamed is how many violations are given a place of their own. The others
// have that of the object they are in: they are counted, and nobody reads them.
const mostNamed = 5 * shared.MaxListed

// check adds to found what is wrong in a value, from the outside in: where the
// parts are right, the schema as a whole has the last word.
func (c *checker) check(found []shared.Violation, pointer string, value any) []shared.Violation {
	before := len(found)
	switch v := value.(type) {
	case map[string]any:
		if c.schema.Type == "object" {
			found = c.object(found, pointer, v)
		}
	case []any:
		// Too many items are one violation: thousands of wrong ones in one line
		// would fill the memory with what nobody reads.
		if most := c.schema.MaxItems; c.schema.Type == "array" && c.items != nil && (most == nil || len(v) <= *most) {
			for i, one := range v {
				found = c.items.check(found, pointer+"/"+strconv.Itoa(i), one)
			}
		}
	}
	if len(found) == before && (!typed(value, c.schema.Type) || c.resolved.Validate(value) != nil) {
		found = append(found, shared.Violation{Pointer: pointer, Message: explain(c.schema)})
	}
	return found
}

// typed says whether a value of tree is of a type. The library could say it,
// and would print the whole value into an error that nobody reads.
func typed(value any, name string) bool {
	ok := true
	switch name {
	case "object":
		_, ok = value.(map[string]any)
	case "array":
		_, ok = value.([]any)
	case "string":
		_, ok = value.(string)
	case "boolean":
		_, ok = value.(bool)
	case "integer":
		_, ok = value.(int)
	}
	return ok
}

func (c *checker) object(found []shared.Violation, pointer string, value map[string]any) []shared.Violation {
	for _, name := range c.schema.Required {
		if _, ok := value[name]; !ok {
			found = append(found, shared.Violation{Pointer: pointer + shared.Pointer(name), Message: "is required"})
		}
	}
	names := slices.AppendSeq(make([]string, 0, len(value)), maps.Keys(value))
	slices.Sort(names)
	unreadable := false
	for _, name := range names {
		if member, ok := c.members[name]; ok {
			found = member.check(found, pointer+shared.Pointer(name), value[name])
			continue
		}
		if !readable(name) {
			unreadable = true
			continue
		}
		found = append(found, c.unknown(pointer, name, len(found) < mostNamed))
	}
	if unreadable {
		found = append(found, shared.Violation{Pointer: pointer, Message: "has a member whose name is no parameter of this task"})
	}
	return found
}

func (c *checker) unknown(pointer, name string, named bool) shared.Violation {
	v := shared.Violation{Pointer: pointer, Message: "is not a parameter of this task"}
	if !named {
		v.Message = "has a member that is not a parameter of this task"
		return v
	}
	v.Pointer += shared.Pointer(name)
	for known := range c.members {
		if strings.EqualFold(known, name) {
			v.Message += "; \"" + known + "\" is spelt so"
		}
	}
	return v
}

// readable says whether a caller's member name may stand in a pointer. Where
// quotes went astray a "name" is a piece of a command line, secrets and all;
// what looks like a name is shown, in any script, since misspellings have to
// be found.
func readable(name string) bool {
	const longest = 64
	return name != "" && len(name) <= longest && !strings.ContainsFunc(name, func(r rune) bool {
		return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
}

// explain says what a schema demands, in words.
func explain(s *jsonschema.Schema) string {
	if len(s.Enum) > 0 {
		var values []string
		for _, v := range s.Enum {
			values = append(values, fmt.Sprint(v))
		}
		return "must be one of " + strings.Join(values, ", ")
	}
	switch s.Type {
	case "string":
		switch {
		case slices.Contains([]string{md5OrEmpty, md5Only}, s.Pattern):
			return "must be an MD5: 32 hexadecimal digits" + orEmpty(s.Pattern == md5OrEmpty)
		case s.Pattern == sha256OrEmpty:
			return "must be a SHA-256: 64 hexadecimal digits" + orEmpty(true)
		case s.Pattern != "":
			return "must be a string that matches " + s.Pattern
		}
		low := 0
		if s.MinLength != nil {
			low = *s.MinLength
		}
		switch {
		case s.MaxLength != nil:
			return fmt.Sprintf("must be a string of %d to %d characters", low, *s.MaxLength)
		case low > 0:
			return fmt.Sprintf("must be a string of %d or more characters", low)
		}
		return "must be a string"
	case "boolean":
		return "must be true or false"
	case "array":
		if s.MinItems != nil && s.MaxItems != nil {
			return fmt.Sprintf("must be an array of %d to %d items", *s.MinItems, *s.MaxItems)
		}
		return "must be an array"
	case "object":
		return "must be an object"
	}
	return "must be of type " + s.Type
}

func orEmpty(allowed bool) string {
	if allowed {
		return ", or empty"
	}
	return ""
}
