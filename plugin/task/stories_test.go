package task

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// The host and the area of every body in testdata.
const (
	storyHost = "e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f"
	storyArea = "KUMA"
)

// TestEveryTaskKeepsItsStories walks the tasks and testdata side by side: a
// task without its file fails, and so does a file without its task.
func TestEveryTaskKeepsItsStories(t *testing.T) {
	var want []string
	for _, task := range All() {
		want = append(want, filepath.Join("testdata", task.Name+".txtar"))
	}
	found, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	require.NoError(t, err)
	require.Equal(t, want, found)
	require.Len(t, found, 9)
	for _, task := range All() {
		t.Run(task.Name, func(t *testing.T) { keepsStories(t, task) })
	}
}

func keepsStories(t *testing.T, task *Task) {
	s := readStories(t, task.Name)
	require.NotEmpty(t, s.accepted)
	require.NotEmpty(t, s.refused)
	for _, name := range s.accepted {
		t.Run("accept/"+name, func(t *testing.T) {
			p, found := task.Parse(s.section(t, "accept/"+name+".json"))
			require.Empty(t, found)
			assert.Equal(t, s.line(t, "accept/"+name+".body"), Body(storyHost, task.Name, p.JSON(), storyArea))
			assert.Equal(t, string(s.section(t, "accept/"+name+".facts")), facts(p))
		})
	}
	for _, name := range s.refused {
		t.Run("refuse/"+name, func(t *testing.T) {
			p, found := task.Parse(s.section(t, "refuse/"+name+".json"))
			assert.Equal(t, string(s.section(t, "refuse/"+name+".want")), list(found))
			assert.Equal(t, Params{}, p, "what is refused leaves nothing to send")
		})
	}
}

// stories is a task's file: sections accept/<name>.json, .body and .facts, and
// refuse/<name>.json and .want.
type stories struct {
	sections          map[string][]byte
	accepted, refused []string
}

func readStories(t testing.TB, task string) stories {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", task+".txtar"))
	require.NoError(t, err)
	s := stories{sections: map[string][]byte{}}
	for _, f := range txtar.Parse(data).Files {
		_, again := s.sections[f.Name]
		require.False(t, again, "section %s stands twice", f.Name)
		s.sections[f.Name] = f.Data
		kind, rest, _ := strings.Cut(f.Name, "/")
		name, part, _ := strings.Cut(rest, ".")
		known := map[string][]string{"accept": {"json", "body", "facts"}, "refuse": {"json", "want"}}[kind]
		require.Contains(t, known, part, "section %s is of no known kind", f.Name)
		list := &s.accepted
		if kind == "refuse" {
			list = &s.refused
		}
		if !slices.Contains(*list, name) {
			*list = append(*list, name)
		}
	}
	return s
}

func (s stories) section(t testing.TB, name string) []byte {
	t.Helper()
	data, ok := s.sections[name]
	require.True(t, ok, "section %s is missing", name)
	return data
}

func (s stories) line(t testing.TB, name string) string {
	t.Helper()
	return strings.TrimSuffix(string(s.section(t, name)), "\n")
}

// facts writes what the program knows of params, a fact a line.
func facts(p Params) string {
	var b strings.Builder
	fmt.Fprintln(&b, strings.TrimSpace(fmt.Sprintln(words("effects:", p.Effects())...)))
	for _, path := range p.Paths() {
		below := ""
		if path.Subfolders {
			below = " and below"
		}
		fmt.Fprintf(&b, "path: %s %s%s\n", path.Effect, strconv.QuoteToASCII(path.Path), below)
	}
	if slot, value, ok := p.State(); ok {
		fmt.Fprintf(&b, "state: %s %s\n", slot, value)
	}
	if task, params, ok := p.Undo(); ok {
		fmt.Fprintf(&b, "undo: %s %s\n", task, params)
	}
	for _, w := range p.Warnings() {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if p.Sensitive() {
		fmt.Fprintln(&b, "sensitive")
	}
	return b.String()
}

func words(first string, effects []shared.Effect) []any {
	all := []any{first}
	for _, e := range effects {
		all = append(all, e)
	}
	return all
}

// list writes violations as they stand in testdata: pointer: message.
func list(found []shared.Violation) string {
	var b strings.Builder
	for _, v := range found {
		fmt.Fprintf(&b, "%s: %s\n", v.Pointer, v.Message)
	}
	return b.String()
}
