package ksc_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// The fence "generated files current" of the page.
func TestThePageOfErrorsIsCurrent(t *testing.T) {
	page, err := os.ReadFile("ERRORS.md")
	require.NoError(t, err)
	assert.Equal(t, ksc.Explain("", -1).Markdown(), string(page), "run \"make generate\"")
	assert.True(t, bytes.HasPrefix(page, []byte("<!-- Code generated ")))
	makefile, err := os.ReadFile("../../Makefile")
	require.NoError(t, err)
	assert.Contains(t, string(makefile), "> plugin/ksc/ERRORS.md\n")
}

// TestEveryEntrySaysWhatToDo, and no pair of module and code stands twice,
// unless a name tells the two apart.
func TestEveryEntrySaysWhatToDo(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range ksc.Explain("", -1).Codes {
		assert.False(t, seen[e.Title()+e.Name], "%s stands twice", e.Title())
		seen[e.Title()+e.Name] = true
		for _, text := range []string{e.Means, e.Remedy} {
			assert.Regexp(t, `^\S.*\S\.$`, text, e.Title())
			assert.NotContains(t, text, "\n", e.Title())
		}
	}
	rights := ksc.Explain("", -1).Rights
	require.NotEmpty(t, rights)
	for _, r := range rights {
		assert.NotEmpty(t, r.Methods)
		for _, text := range []string{r.Use, r.Right, r.Basis} {
			assert.NotEmpty(t, text, r.Methods)
		}
	}
}

func TestExplainFindsByModuleOrCodeOrBoth(t *testing.T) {
	for _, c := range []struct {
		module string
		code   int
		want   string
		rights bool
	}{
		{"KLSTD", 1184, "KLSTD 1184", true},
		{"klstd", 1184, "KLSTD 1184", true},
		{"", 1194, "KLCONN 1194", false},
		{"KLCONN", -1, "KLCONN 1194", false},
		{"KLWAT", -1, "KLWAT 1445,KLWAT 1453,KLWAT 1454", false},
		{"KLCONN", 1184, "", false},
		{"KLSTD", 0, "", false},
		{"HTTP", 399, "", false},
		{"HTTP", 400, "HTTP 400 to 499", false},
		{"HTTP", 401, "HTTP 401,HTTP 401,HTTP 400 to 499", false},
		{"HTTP", 499, "HTTP 400 to 499", false},
		{"HTTP", 500, "HTTP 500 and above", false},
		{"", 503, "HTTP 500 and above", false},
	} {
		found := ksc.Explain(c.module, c.code)
		var titles []string
		for _, e := range found.Codes {
			titles = append(titles, e.Title())
		}
		assert.Equal(t, c.want, strings.Join(titles, ","), "%q %d", c.module, c.code)
		assert.Equal(t, c.rights, len(found.Rights) > 0, "%q %d", c.module, c.code)
		assert.NotEmpty(t, found.Standing)
	}
}

// TestNoCodeStandsBesideTheCatalogue: neither the client nor what is above it
// keeps a second list of KSC's codes.
func TestNoCodeStandsBesideTheCatalogue(t *testing.T) {
	var numbers []string
	for _, e := range ksc.Explain("", -1).Codes {
		if e.Module != "HTTP" {
			numbers = append(numbers, fmt.Sprint(e.Code))
		}
	}
	code := regexp.MustCompile(`\b(` + strings.Join(numbers, "|") + `)\b`)
	for _, pattern := range []string{"*.go", "../*.go", "../../cmd/kes-respond/*.go"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") || file == "codes.go" {
				continue
			}
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for line := range strings.Lines(string(source)) {
				text, _, _ := strings.Cut(line, "//")
				if !strings.Contains(text, "Example") && !strings.Contains(text, "such as") && !strings.HasPrefix(text, "  kes-respond errors") {
					assert.NotRegexp(t, code, text, file)
				}
			}
		}
	}
}

// TestEveryMethodHasItsRight: a method that the client learns to call wants a
// row, and each row is of a method that it calls.
func TestEveryMethodHasItsRight(t *testing.T) {
	called := map[string]bool{}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || file == "rights.go" {
			continue
		}
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`"([A-Z]\w+\.[A-Z]\w+)"`).FindAllSubmatch(source, -1) {
			called[string(m[1])] = true
		}
	}
	require.Contains(t, called, "HostGroup.AddIncident")
	for _, r := range ksc.Explain("KLSTD", 1184).Rights {
		for _, m := range r.Methods {
			used := called[m]
			if class, ok := strings.CutSuffix(m, ".*"); ok {
				for c := range called {
					used = used || strings.HasPrefix(c, class+".")
				}
			}
			assert.True(t, used, m)
		}
	}
	for m := range called {
		e := &ksc.Error{Kind: ksc.KindDenied, Module: "KLSTD", Code: 1184, Method: m}
		assert.Contains(t, e.Remedy(), "What "+m+" may need (not confirmed): ", m)
	}
	assert.Contains(t, (&ksc.Error{Kind: ksc.KindDenied, Module: "KLSTD", Code: 1184, Method: "New.Method"}).Remedy(), "Which one New.Method needs is not known.")
}

// TestRemedy: by the code, else by the kind, and nothing for what only KSC
// knows.
func TestRemedy(t *testing.T) {
	of := func(module string, code int) string { return ksc.Explain(module, code).Codes[0].Remedy }
	for name, c := range map[string]struct {
		e    ksc.Error
		want string
	}{
		"by code":                    {ksc.Error{Kind: ksc.KindLocked, Module: "SPL", Code: 2013}, of("SPL", 2013)},
		"by code, of another kind":   {ksc.Error{Kind: ksc.KindRefused, Module: "KLSTD", Code: 1186}, of("KLSTD", 1186)},
		"remembered, without a code": {ksc.Error{Kind: ksc.KindLocked}, of("SPL", 2013)},
		"a wrong password":           {ksc.Error{Kind: ksc.KindLogin, Status: 401}, of("KLWAT", 1453)},
		"second factor":              {ksc.Error{Kind: ksc.KindSecondFactor, Status: 401}, of("HTTP", 401)},
		"second factor, remembered":  {ksc.Error{Kind: ksc.KindSecondFactor}, of("HTTP", 401)},
		"a proxy's 503":              {ksc.Error{Kind: ksc.KindUnavailable, Status: 503}, of("HTTP", 503)},
		"a proxy's 404":              {ksc.Error{Kind: ksc.KindRefused, Status: 404}, of("HTTP", 404)},
		"an unknown code":            {ksc.Error{Kind: ksc.KindRefused, Module: "KLSTD", Code: 9}, ""},
		"a number of another module": {ksc.Error{Kind: ksc.KindRefused, Module: "KLOLA", Code: 1184}, ""},
		"not KSC's":                  {ksc.Error{Kind: ksc.KindRefused}, ""},
		"no connection":              {ksc.Error{Kind: ksc.KindUnreachable}, ""},
		"not KSC's answer":           {ksc.Error{Kind: ksc.KindBadAnswer, Status: 200}, ""},
		"half an answer with a 503":  {ksc.Error{Kind: ksc.KindBadAnswer, Status: 503}, ""},
	} {
		assert.Equal(t, c.want, c.e.Remedy(), name)
	}
	assert.True(t, slices.ContainsFunc(ksc.Explain("KLSTD", 1195).Codes, func(e ksc.Entry) bool { return e.Passes }))
}
