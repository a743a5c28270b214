package main

import (
	"path/filepath"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/task"
)

// byName reads the name under which the program was started: under one of the
// vendor's nine script names ("isolateHost.py") it is that task's command, so
// that a rule which calls the script keeps its line. The flags are ours; the
// vendor's are not public.
func byName(args []string) []string {
	name := strings.TrimSuffix(filepath.Base(args[0]), ".exe")
	for _, t := range task.All() {
		if name == t.Script {
			return append([]string{args[0], t.Name}, args[1:]...)
		}
	}
	return args
}
