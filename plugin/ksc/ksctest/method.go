package ksctest

import (
	"maps"
	"slices"
)

// methods is the table of what this server answers. A class is a file and a line here.
func methods() map[string]method {
	table := map[string]method{}
	for _, class := range []map[string]method{
		sessionMethods(),
		incidentMethods(),
		hostMethods(),
		asyncMethods(),
		chunkMethods(),
		serverMethods(),
		consoleMethods(),
		limitMethods(),
		taskMethods(),
		taskStatusMethods(),
		hostTaskMethods(),
		eventMethods(),
		gatewayMethods(),
	} {
		maps.Copy(table, class)
	}
	return table
}

// method is one call: its arguments in order, and what it does. do runs under the server's lock and must not wait.
type method struct {
	args []arg
	do   func(*call) (answer, error)
}

// call is one request on its way through a method: arguments are checked, the caller is known.
type call struct {
	*Server
	caller
	conn *connection
	args map[string]any
}

type kind int

const (
	kindText kind = iota
	kindInt
	kindBool
	kindParams // plain object at this level, wrapped inside
	kindNames  // array of strings
	kindArray
)

type need int

const (
	may  need = iota // may be absent or null
	has              // must be there, and null means "no filter"
	must             // must be there and not null
)

type arg struct {
	name string
	kind kind
	need need
}

// bind checks the arguments: absent is KLPRSS 1125, a wrong type is KLSTD 1192 (the second is judgement, not confirmed
// against a live KSC). Arguments that the method does not know are passed over.
func bind(m method, given map[string]any) (map[string]any, error) {
	out := map[string]any{}
	for _, a := range m.args {
		v, there := given[a.name]
		switch {
		case !there && a.need != may, v == nil && a.need == must:
			return nil, missing(a.name)
		case v == nil:
			continue
		}
		bound, err := a.take(v)
		if err != nil {
			return nil, err
		}
		out[a.name] = bound
	}
	return out, nil
}

func (a arg) take(v any) (any, error) {
	ok := false
	switch a.kind {
	case kindText:
		_, ok = v.(string)
	case kindInt:
		var n int64
		n, ok = int32Value(v)
		v = n
	case kindBool:
		_, ok = v.(bool)
	case kindParams:
		m, is := v.(row)
		if ok = is; ok {
			return m, checkParams(a.name, m)
		}
	case kindNames:
		return a.names(v)
	case kindArray:
		_, ok = v.([]any)
		if ok {
			return v, checkMember(a.name, v)
		}
	}
	if !ok {
		return nil, badFormat("argument %s has the wrong type", a.name)
	}
	return v, nil
}

func (a arg) names(v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, badFormat("argument %s is no array", a.name)
	}
	names := make([]string, len(list))
	for i, e := range list {
		if names[i], ok = e.(string); !ok {
			return nil, badFormat("argument %s holds something else than a name", a.name)
		}
	}
	return names, nil
}

func (c *call) text(name string) string {
	s, _ := c.args[name].(string)
	return s
}

func (c *call) number(name string) int64 {
	n, _ := c.args[name].(int64)
	return n
}

// pick reduces a row to the names asked for; a nil list asks for all. Names without a value are left out.
func pick(r row, names []string) row {
	if names == nil {
		return maps.Clone(r)
	}
	out := row{}
	for name, v := range r {
		if slices.Contains(names, name) {
			out[name] = v
		}
	}
	return out
}

func (c *call) names(name string) []string {
	names, _ := c.args[name].([]string)
	return names
}
