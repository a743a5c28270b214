// Package strict reads the program's own YAML files. A zero value or a setting that
// is passed over may be an order here, so nothing is: a name that is unknown, stands
// twice or has another case, a value of another type, YAML that means something else
// than it seems to. All that is wrong is named at once, with its line, and no value is
// quoted, for it may be a secret.
package strict

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/shared"
)

// Read reads a file that nobody else can have written, and that Parse takes. An
// error is of type *Error where its content is wrong.
func Read(path, schema string, into any, sense func() ([]shared.Violation, error)) error {
	data, err := trusted.Read(path, trusted.Writable)
	if err != nil {
		return err
	}
	return Parse(path, data, schema, into, sense)
}

// Parse reads what a file holds into a struct: YAML becomes JSON member for member,
// and that is checked as a request is, then against the schema of that name in the
// manifest. sense says what the schema cannot, once into is filled. A file without
// any setting leaves into as it is.
func Parse(path string, data []byte, schema string, into any, sense func() ([]shared.Violation, error)) error {
	y, err := readYAML(data)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if y == nil {
		return nil
	}
	found := y.found
	for _, step := range []func() ([]shared.Violation, error){
		func() ([]shared.Violation, error) { return shared.CheckJSON(y.json.Bytes()) },
		func() ([]shared.Violation, error) { return check(schema, y.json.Bytes()) },
		func() ([]shared.Violation, error) {
			if err := json.Unmarshal(y.json.Bytes(), into); err != nil {
				return nil, fmt.Errorf("the schema let through what cannot be read: %T", err)
			}
			return sense()
		},
	} {
		if len(found) > 0 {
			break
		}
		if found, err = step(); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(found) > 0 {
		return &Error{path, schema, found, y.lines}
	}
	return nil
}

// Error names all that is wrong in a file, each with its line. It quotes the names
// of settings, never their values.
type Error struct {
	path   string
	schema string
	found  []shared.Violation
	lines  map[string]int // by pointer
}

// Error lists at most shared.MaxListed of it.
func (e *Error) Error() string {
	var b strings.Builder
	kinds := map[string]string{"policy": "policies"}
	fmt.Fprintf(&b, "%s breaks the rules for %s:", e.path, cmp.Or(kinds[e.schema], "configurations"))
	for i, v := range e.found {
		if i == shared.MaxListed {
			fmt.Fprintf(&b, "\n  and %d more", len(e.found)-i)
			break
		}
		at := v.Pointer
		if at == "" {
			at = "the whole"
		}
		if line := e.lines[v.Pointer]; line > 0 {
			at += fmt.Sprintf(" (line %d)", line)
		}
		fmt.Fprintf(&b, "\n  %s %s", at, v.Message)
	}
	return b.String()
}
