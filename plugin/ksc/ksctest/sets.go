package ksctest

import (
	"maps"
	"time"
)

// The kinds of result sets, by the call that gives each back. setHostTasks has none.
const (
	setChunk      = "ChunkAccessor.Release"
	setTasks      = "Tasks.ReleaseTasksIterator"
	setHostStatus = "Tasks.ReleaseHostStatusIterator"
	setEvents     = "EventProcessing.ReleaseIterator"
	setView       = "SrvView.ReleaseIterator"
	setHostTasks  = "HostTasks"
)

// Unreleased counts what clients asked the server to keep and have not given back, by the call that would do it; what died of
// age or with its session counts too. Empty means that nothing leaked.
func (s *Server) Unreleased() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.unreleased)
}

// keepAs stores a result set of a kind and gives its id.
func (c *call) keepAs(kind string, rows []row, seconds int64) string {
	c.sweep()
	life := time.Duration(seconds) * time.Second
	id := c.newID()
	c.results[id] = &resultSet{kind: kind, owner: c.owner, rows: rows, life: life, until: time.Now().Add(life)}
	if kind != setHostTasks {
		c.unreleased[kind]++
	}
	return id
}

// set looks up a result set of the kind by its id in an argument, and counts this as a use of it.
func (c *call) set(kind, argument string) (*resultSet, error) {
	id := c.text(argument)
	set := c.results[id]
	if set == nil || set.kind != kind || set.owner != c.owner {
		return nil, notFound("accessor " + id)
	}
	if time.Now().After(set.until) {
		delete(c.results, id)
		return nil, notFound("accessor " + id)
	}
	set.until = time.Now().Add(set.life)
	return set, nil
}

// step gives the next row, and at the end an empty one.
func (set *resultSet) step() row {
	if set.next >= len(set.rows) {
		return row{}
	}
	set.next++
	return set.rows[set.next-1]
}

// releaseSet is the method that gives a set back.
func releaseSet(kind, argument string) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		if _, err := c.set(kind, argument); err != nil {
			return nil, err
		}
		delete(c.results, c.text(argument))
		if c.unreleased[kind]--; c.unreleased[kind] == 0 {
			delete(c.unreleased, kind)
		}
		return answer{}, nil
	}
}

// countSet is the method that gives the number of records.
func countSet(kind, argument string) func(*call) (answer, error) {
	return func(c *call) (answer, error) {
		set, err := c.set(kind, argument)
		if err != nil {
			return nil, err
		}
		return answer{"PxgRetVal": len(set.rows)}, nil
	}
}

func rangeArgs() []arg { return []arg{{"nStart", kindInt, must}, {"nEnd", kindInt, must}} }

// slice gives the records from nStart to nEnd. That nEnd is one of them is what the vendor's sample of server views takes for
// granted; elsewhere it is not confirmed.
func (c *call) slice(set *resultSet) ([]any, error) {
	first, last := c.number("nStart"), c.number("nEnd")
	if first < 0 || last < first {
		return nil, badFormat("nStart is negative or above nEnd")
	}
	size := int64(len(set.rows))
	items := []any{}
	for _, r := range set.rows[min(first, size):min(last+1, size)] {
		items = append(items, wrap("params", r))
	}
	return items, nil
}
