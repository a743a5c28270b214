package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/task"
)

// The test binary is the program: each script types what a user would type.
func TestMain(m *testing.M) {
	programs := map[string]func(){"kes-respond": main, "kes-respond-dying": dying, "kes-respond-panicking": panicking, "kes-respond-stranger": stranger}
	for _, t := range task.All() {
		programs[t.Script] = main // the names of the vendor's scripts
	}
	testscript.Main(m, programs)
}

func TestScripts(t *testing.T) {
	dir := t.TempDir()
	work, err := os.MkdirTemp("", "s") // a short name: the paths of sockets are bounded
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(work) })
	guarded(t, work)
	programs := map[string]string{"EMULATOR": "ksc-emulator", "DEMOHOST": "demo-host", "PROGRAM": "kes-respond", "REPORT": "kes-respond-report"}
	for name, program := range programs {
		programs[name] = build(t, program, dir)
	}
	testscript.RunT(scriptLog{t}, testscript.Params{
		Dir:                 scripts(t),
		WorkdirRoot:         work,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=0")
			e.Setenv("STATE_DIRECTORY", filepath.Join(e.WorkDir, "state")) // a ledger of its own, whoever runs the test
			for name, path := range programs {
				e.Setenv(name, path)
			}
			return os.Mkdir(filepath.Join(e.WorkDir, "state"), 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"waitfile": waitFile,
			"waitmore": waitMore,
			"waittext": waitText,
			"connect":  connect,
		},
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("%q is no condition", name)
			}
			return os.Getuid() == 0, nil
		},
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
	})
}
