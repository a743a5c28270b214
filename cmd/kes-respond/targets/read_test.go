package targets

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// isolation is what the command line says where the action stands in the file.
func isolation(t *testing.T) Asked {
	t.Helper()
	isolate, known := task.Lookup("isolateHost")
	require.True(t, known)
	return Asked{
		Task: isolate, Names: []string{"action"},
		Params: func(_, cells []string) (json.RawMessage, error) {
			return json.RawMessage(`{"action":` + cells[0] + `}`), nil
		},
	}
}

func read(t *testing.T, text string, a Asked) ([]Target, Notes, error) {
	t.Helper()
	return Read(t.Context(), strings.NewReader(text), "-", a)
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	end, is := errors.AsType[*exit.Error](err)
	require.True(t, is, "%v", err)
	return end.Code
}

// TestLinesThatSayTheSameShareWhatTheySay and are one target, whatever the case of
// the host's name and however the parameters are written.
func TestLinesThatSayTheSameShareWhatTheySay(t *testing.T) {
	all, notes, err := read(t, "targetHost,action\nPC-1,1\nPC-2,1\npc-1, 1\nPC-3,0\n", isolation(t))
	require.NoError(t, err)
	require.Len(t, all, 3)
	assert.Same(t, all[0].Params, all[1].Params)
	assert.NotEqual(t, all[0].Params.Signature, all[2].Params.Signature)
	assert.JSONEq(t, `{"action":0}`, string(all[2].Params.Sent))
	assert.Equal(t, []shared.Effect{shared.Releases}, all[2].Params.Checked.Effects())
	assert.Equal(t, 5, all[2].Line)
	assert.Equal(t, Notes{First: []string{"line 4: pc-1 stands on line 2 already: it is sent once"}}, notes)

	var many strings.Builder
	for range shared.MaxListed + 3 {
		many.WriteString("PC-1,1\n")
	}
	_, notes, err = read(t, "targetHost,action\n"+many.String(), isolation(t))
	require.NoError(t, err)
	assert.Len(t, notes.First, shared.MaxListed)
	assert.Equal(t, 2, notes.More)
}

// TestOfAFileWithAWrongLineThereAreNoTargets and the exit code says whether it is
// the file that is wrong or the command line.
func TestOfAFileWithAWrongLineThereAreNoTargets(t *testing.T) {
	given := isolation(t)
	given.Given = []string{"action"}
	whole := isolation(t)
	whole.JSON = true
	broken := isolation(t)
	broken.Params = func([]string, []string) (json.RawMessage, error) { return nil, exit.Usage("no such file") }
	for name, c := range map[string]struct {
		text  string
		asked Asked
		code  int
		says  string
	}{
		"the opposite":      {"targetHost,action\nPC-1,1\nPC-1,0\n", isolation(t), shared.ExitRefused, "line 3: PC-1: says the opposite of line 2"},
		"no such value":     {"targetHost,action\nPC-1,1\nPC-2,7\n", isolation(t), shared.ExitRefused, "line 3: PC-2: --action must be one of 0, 1"},
		"no host":           {"targetHost,action\n,1\n", isolation(t), shared.ExitRefused, "line 2: names no host"},
		"no such column":    {"targetHost,acton\nPC-1,1\n", isolation(t), shared.ExitRefused, `"acton" is no parameter of isolateHost`},
		"a flag and column": {"targetHost,action\nPC-1,1\n", given, shared.ExitUsage, "--action and the column of that name exclude each other"},
		"JSON and columns":  {"targetHost,action\nPC-1,1\n", whole, shared.ExitUsage, "--params and the columns of the file exclude each other"},
		"a cell's file":     {"targetHost,action\nPC-1,1\n", broken, shared.ExitRefused, "line 2: PC-1: no such file"},
		"a flag's file":     {"PC-1\n", broken, shared.ExitUsage, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			all, _, err := read(t, c.text, c.asked)
			require.ErrorContains(t, err, c.says)
			assert.Equal(t, c.code, exitCode(t, err))
			assert.Empty(t, all)
		})
	}
}

// TestParametersAtTheirLimit holds 64 MiB of them over all lines, those that are the
// same counted once, and not a byte more. They are no JSON, which is found at their
// first byte: so many would take long to read.
func TestParametersAtTheirLimit(t *testing.T) {
	const lines, bytes = 8, maxTargetParams / 8
	a := isolation(t)
	a.Names = []string{"action", "more"}
	a.Params = func(_, cells []string) (json.RawMessage, error) {
		more, err := strconv.Atoi(cells[1])
		require.NoError(t, err)
		return json.RawMessage(strings.Repeat("x", bytes+more)), nil
	}
	text := "targetHost,action,more\n"
	for i := range lines {
		text += fmt.Sprintf("PC-%d,%d,0\nPC-%d,%d,0\n", i, i, i+lines, i)
	}
	_, _, err := read(t, text, a)
	require.ErrorContains(t, err, "standard input has lines that are wrong; nothing was sent:\n  line 2: PC-0: ")
	assert.NotContains(t, err.Error(), "more than")
	_, _, err = read(t, text[:len(text)-2]+"1\n", a)
	require.EqualError(t, err, fmt.Sprintf("line %d: the parameters of the lines up to here have more than 67108864 bytes: part the file; nothing was sent", 2*lines+1))
	assert.Equal(t, shared.ExitRefused, exitCode(t, err))
}
