package ksctest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// longestLife is the highest lMaxLifeTime (KSCAPI a00483); more is refused here, which is judgement.
const longestLife = 7200

// resultSet is what a search found, read through ChunkAccessor or what its kind names. It dies so long after its last use,
// at its release, or with the session or connection that made it.
type resultSet struct {
	kind  string // the call that gives it back
	host  string // whose console tasks it lists
	next  int    // the row that an iterator gives next
	owner string
	rows  []row
	life  time.Duration
	until time.Time
}

func chunkMethods() map[string]method {
	id := arg{"strAccessor", kindText, must}
	return map[string]method{
		"ChunkAccessor.GetItemsCount": {[]arg{id}, countSet(setChunk, "strAccessor")},
		"ChunkAccessor.GetItemsChunk": {[]arg{id, {"nStart", kindInt, must}, {"nCount", kindInt, must}}, getItemsChunk},
		"ChunkAccessor.Release":       {[]arg{id}, releaseSet(setChunk, "strAccessor")},
	}
}

// keep stores what a search found and gives its accessor.
func (c *call) keep(rows []row, seconds int64) string { return c.keepAs(setChunk, rows, seconds) }

// life reads lMaxLifeTime; absent or 0 means the longest, which is judgement.
func (c *call) life() (int64, error) { return c.lifeOf("lMaxLifeTime") }

func (c *call) lifeOf(argument string) (int64, error) {
	switch n := c.number(argument); {
	case n < 0 || n > longestLife:
		return 0, badFormat("%s is outside 0 to %d seconds", argument, longestLife)
	case n == 0:
		return longestLife, nil
	default:
		return n, nil
	}
}

func getItemsChunk(c *call) (answer, error) {
	set, err := c.set(setChunk, "strAccessor")
	if err != nil {
		return nil, err
	}
	start, count := c.number("nStart"), c.number("nCount")
	if start < 0 || count < 0 {
		return nil, badFormat("nStart and nCount cannot be negative")
	}
	size := int64(len(set.rows))
	start = min(start, size)
	items := []any{}
	for _, r := range set.rows[start:min(start+count, size)] {
		items = append(items, wrap("params", r))
	}
	return answer{"pChunk": row{"KLCSP_ITERATOR_ARRAY": items}, "PxgRetVal": len(items)}, nil
}

// forget drops what its owner took along.
func (s *Server) forget(owner string) {
	delete(s.listeners, owner)
	s.closeGates(owner)
	for id, set := range s.results {
		if set.owner == owner {
			delete(s.results, id)
		}
	}
}

// sweepEvery is how often the server looks for what has outlived its time.
const sweepEvery = time.Minute

// sweep makes room: what is over and was never asked for again is forgotten.
func (s *Server) sweep() {
	now := time.Now()
	if now.Sub(s.swept) < sweepEvery {
		return
	}
	s.swept = now
	maps.DeleteFunc(s.results, func(_ string, set *resultSet) bool { return now.After(set.until) })
	maps.DeleteFunc(s.actions, func(_ string, a *action) bool {
		return now.After(a.ready.Add(time.Duration(a.life) * time.Second))
	})
	maps.DeleteFunc(s.gatewayKeys, func(_ string, k gatewayKey) bool { return !now.Before(k.until) })
	maps.DeleteFunc(s.tokens, func(_ string, until time.Time) bool { return !now.Before(until) })
	for id := range s.sessions {
		if !s.lives(sessionOwner(id)) {
			s.dropLogin(id, nil)
		}
	}
}

// sorting is one entry of an order list: {"type":"params","value":{"Name":"...","Asc":true}}.
type sorting struct {
	name       string
	descending bool
}

func (c *call) order(argument string, allowed []string) ([]sorting, error) {
	list, _ := c.args[argument].([]any)
	var out []sorting
	for _, e := range list {
		kind, v := unwrap(e)
		m, _ := v.(row)
		name, ok := m["Name"].(string)
		up, isBool := m["Asc"].(bool)
		if _, given := m["Asc"]; kind != "params" || !ok || given && !isBool {
			return nil, badFormat("%s is a list of params with Name and Asc", argument)
		} else if allowed != nil && !slices.Contains(allowed, name) {
			return nil, badFormat("%s cannot be ordered by", name)
		} else {
			out = append(out, sorting{name, given && !up})
		}
	}
	return out, nil
}

// search keeps the rows that fit, in order, and then the columns asked for.
func search(rows []row, filter *node, order []sorting, fields []string) ([]row, error) {
	found := []row{}
	for _, r := range rows {
		ok, err := filter.match(r)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, r)
		}
	}
	slices.SortStableFunc(found, func(a, b row) int {
		for _, o := range order {
			n := compareValues(a[o.name], b[o.name])
			if o.descending {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
		return 0
	})
	for i, r := range found {
		found[i] = pick(r, fields)
	}
	return found, nil
}

// compareValues orders two values of one attribute; absent comes first.
func compareValues(a, b any) int {
	_, a = unwrap(a)
	_, b = unwrap(b)
	if x, ok := a.(string); ok {
		if y, ok := b.(string); ok {
			return strings.Compare(fold(x), fold(y))
		}
	}
	return cmp.Compare(rank(a), rank(b))
}

func rank(v any) float64 {
	switch t := v.(type) {
	case nil:
		return -1e300
	case bool:
		if t {
			return 1
		}
		return 0
	}
	n, _ := integer(v)
	return float64(n)
}
