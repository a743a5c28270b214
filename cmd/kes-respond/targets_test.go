package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/targets"
)

// toldOf runs a task command for a file of targets as a program that nobody can be
// asked by, and gives its exit code and standard error.
func toldOf(t *testing.T, list string, args ...string) (int, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "targets")
	require.NoError(t, os.WriteFile(path, []byte(list), 0o600))
	var out, errs strings.Builder
	code := run(t.Context(), surroundings{
		args: append([]string{"kes-respond"}, append(args, "--targets", path)...), in: strings.NewReader(""), out: &out, err: &errs,
		getenv: func(string) string { return "" },
	})
	assert.Empty(t, out.String())
	return code, errs.String()
}

// TestTargetsAtTheirLimits takes as many as may be, and refuses one more.
func TestTargetsAtTheirLimits(t *testing.T) {
	lines := func(many int) string {
		var b strings.Builder
		for i := range many {
			fmt.Fprintf(&b, "PC-%d\n", i)
		}
		return b.String()
	}
	code, said := toldOf(t, lines(targets.Max), "isolateHost", "--action", "1")
	assert.Equal(t, 64, code)
	assert.Contains(t, said, "100000 hosts would be changed")
	code, said = toldOf(t, lines(targets.Max+1), "isolateHost", "--action", "1")
	assert.Equal(t, 65, code)
	assert.Contains(t, said, "names more than 100000 targets: part it; nothing was sent")

	filled := func(bytes int) string { return "PC-1\n" + strings.Repeat("#", bytes-len("PC-1\n")) }
	code, said = toldOf(t, filled(targets.MaxBytes), "isolateHost", "--action", "1")
	assert.Equal(t, 64, code)
	assert.Contains(t, said, "1 host would be changed")
	code, said = toldOf(t, filled(targets.MaxBytes+1), "isolateHost", "--action", "1")
	assert.Equal(t, 64, code)
	assert.Contains(t, said, "is too long: it may have 16777216 bytes")
}

// TestWrongLinesAreAllNamed lists twenty of them in the order of the file, and how
// many more there are.
func TestWrongLinesAreAllNamed(t *testing.T) {
	text := "targetHost,action\n"
	for i := range 30 {
		text += fmt.Sprintf("PC-%d,%d\n", i, 2+i%2)
	}
	text += "PC-1,1,1\n"
	code, said := toldOf(t, text, "isolateHost")
	assert.Equal(t, 65, code)
	for line := 2; line <= 21; line++ {
		assert.Contains(t, said, fmt.Sprintf("\n  line %d: PC-%d: --action must be one of 0, 1\n", line, line-2))
	}
	assert.NotContains(t, said, "line 22:")
	assert.Contains(t, said, "\n  and 11 more\n")
}

func BenchmarkTargets(b *testing.B) {
	var text strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&text, "PC-%d\n", i)
	}
	path := filepath.Join(b.TempDir(), "targets")
	require.NoError(b, os.WriteFile(path, []byte(text.String()), 0o600))
	for b.Loop() { // up to the question that nobody answers
		run(b.Context(), surroundings{
			args: []string{"kes-respond", "isolateHost", "--action", "1", "--targets", path}, in: strings.NewReader(""), out: &strings.Builder{}, err: &strings.Builder{},
			getenv: func(string) string { return "" },
		})
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/10_000, "µs/target")
}
