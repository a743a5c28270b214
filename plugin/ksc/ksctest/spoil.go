package ksctest

import (
	"encoding/json"
	"fmt"
	"slices"
)

// spoil changes an answer's content; what does not apply to it is struck off the deeds.
func (s *Server) spoil(x *exchange, p *reply) {
	x.deeds.names = slices.DeleteFunc(x.deeds.names, func(name string) bool {
		change, content := map[string]func(answer) (answer, bool){
			knobWrongType: wrongType, knobNoSubcode: noSubcode,
			knobLongString: func(a answer) (answer, bool) {
				return retype(a, "long", func(v any) any { return fmt.Sprint(v) })
			},
			knobNoDate: func(a answer) (answer, bool) {
				return retype(a, "datetime", func(any) any { return "" })
			},
		}[name]
		if !content {
			return false
		}
		changed, did := change(p.object)
		if did {
			p.object = changed
		}
		return !did
	})
}

func wrongType(a answer) (answer, bool) {
	v, ok := a["PxgRetVal"]
	if !ok {
		return a, false
	}
	out := answer{}
	for name := range a {
		out[name] = a[name]
	}
	switch v.(type) {
	case string:
		out["PxgRetVal"] = 7
	case row, []any:
		out["PxgRetVal"] = true
	default:
		b, _ := json.Marshal(v)
		out["PxgRetVal"] = string(b)
	}
	return out, true
}

func noSubcode(a answer) (answer, bool) {
	e, ok := a["PxgError"].(row)
	if ok {
		delete(e, "subcode") // a fault's answer is made afresh each time
		delete(e, "locdata")
	}
	return a, ok
}

// retype copies an answer with the values of one wrapped type changed.
func retype(a answer, kind string, change func(any) any) (answer, bool) {
	did := false
	var walk func(any) any
	walk = func(v any) any {
		switch t := v.(type) {
		case []any:
			out := make([]any, len(t))
			for i := range t {
				out[i] = walk(t[i])
			}
			return out
		case row:
			if k, bare := unwrap(t); k == kind {
				did = true
				return wrap(kind, change(bare))
			}
			out := row{}
			for name := range t {
				out[name] = walk(t[name])
			}
			return out
		}
		return v
	}
	out, _ := walk(row(a)).(row)
	return answer(out), did
}
