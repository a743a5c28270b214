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

// right gives or takes methods; the last word about a method counts.
type right struct {
	methods []string
	allow   bool
}

func (s *Server) isDenied(method string) bool {
	for _, r := range slices.Backward(s.rights) {
		if names(r.methods, method) {
			return !r.allow
		}
	}
	return false
}

// checkMethods refuses names of what is not there.
func (s *Server) checkMethods(list []string) error {
	for _, name := range list {
		known := false
		for method := range s.table {
			known = known || names([]string{name}, method)
		}
		if !known {
			return fmt.Errorf("ksctest: there is no method %q", name)
		}
	}
	return nil
}

// checkRights refuses names of what is not there, and then takes away what this server is told not to know, or is too old for.
func (s *Server) checkRights() error {
	if err := s.checkMethods(s.opts.Denied); err != nil {
		return fmt.Errorf("%w to deny", err)
	}
	if err := s.checkMethods(s.opts.Absent); err != nil {
		return fmt.Errorf("%w to leave out", err)
	}
	maps.DeleteFunc(s.table, func(method string, _ method) bool {
		return names(s.opts.Absent, method) || s.major() < since(method)
	})
	return nil
}

// since is the major version of KSC that a method came with, where that matters here; 0 is any.
func since(method string) int {
	if method == "Tasks.GetTaskStatistics2" {
		return 15
	}
	return 0
}
