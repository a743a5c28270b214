package ksctest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// names says whether one of the list is the method, or its whole class as "Tasks.*".
func names(list []string, method string) bool {
	class, _, _ := strings.Cut(method, ".")
	return slices.Contains(list, method) || slices.Contains(list, class+".*")
}

// checkRights refuses names of what is not there, and then takes away what this server is told not to know.
func (s *Server) checkRights() error {
	for what, list := range map[string][]string{"deny": s.opts.Denied, "leave out": s.opts.Absent} {
		for _, name := range list {
			known := false
			for method := range s.table {
				known = known || names([]string{name}, method)
			}
			if !known {
				return fmt.Errorf("ksctest: there is no method %q to %s", name, what)
			}
		}
	}
	maps.DeleteFunc(s.table, func(method string, _ method) bool { return names(s.opts.Absent, method) })
	return nil
}
