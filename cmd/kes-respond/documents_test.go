//go:build linux || darwin

package main

import (
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shown is what a document shows in blocks of one kind, and who types it.
type shown struct {
	run    func(*site, *testing.T, string) // runs one, in the document's own site
	by     string                          // or the test that does, as DIRECTORY TEST
	blocks int                             // how many that test takes; 0 for each there is
}

// documents says of every document which blocks it has and who types them. A
// block that stands in no line of it fails, and so does a line without blocks.
var documents = map[string]map[string]shown{
	"README.md":                                 {"console": {run: (*site).makeTargets}, "bash": {run: (*site).bash}, "go": {run: (*site).golang}},
	"CHANGELOG.md":                              nil,
	"SECURITY.md":                               {"ini": {by: "cmd/kes-respond TestTheUnitOfTheSecurityPage", blocks: 1}},
	"cmd/bench/BENCHMARKS.md":                   {"console": {run: (*site).makeTargets}},
	"cmd/kes-respond/BULK.md":                   {"bash": {run: (*site).bash}, "csv": {run: (*site).targets}},
	"cmd/kes-respond/CONFIGURATION.md":          {"yaml": {run: (*site).config}},
	"cmd/kes-respond/INSTALL.md":                {"bash": {by: "cmd/kes-respond TestRelease", blocks: 4}, "systemd": {by: "cmd/kes-respond TestRelease", blocks: 1}},
	"cmd/kes-respond/RUNBOOK.md":                {"bash": {run: (*site).bash}},
	"cmd/kes-respond/USAGE.md":                  {"bash": {run: (*site).bash}, "python": {run: (*site).python}, "powershell": {run: (*site).powershell}, "go": {run: (*site).golang}},
	"manifest/PLATFORMS.md":                     {"bash": {run: (*site).bash}},
	"manifest/ansible/package/README.md":        {"yaml": {by: "cmd/kes-respond/platforms TestAnsibleRunsItsPage"}},
	"manifest/callers/package/README.md":        nil,
	"manifest/cortex/package/README.md":         nil,
	"manifest/insightconnect/package/README.md": nil,
	"manifest/kuma/package/README.md":           nil,
	"manifest/kuma/package/RULES.md":            {"kuma": {by: "cmd/kes-respond/platforms TestKUMALinesSendWhatTheyMeanOrNothing"}},
	"manifest/mcp/package/README.md":            {"sh": {by: "cmd/kes-respond/platforms TestMCPBundle", blocks: 1}, "yaml": {by: "cmd/kes-respond/platforms TestMCPServesTheClientForTypeScript", blocks: 1}, "json": {by: "cmd/kes-respond/platforms TestMCPServesTheClientForTypeScript", blocks: 2}},
	"manifest/splunk-soar/package/README.md":    nil,
	"manifest/splunk/package/README.md":         {"yaml": {by: "cmd/kes-respond/platforms TestSplunkRunsEveryAction", blocks: 1}},
	"manifest/stackstorm/package/README.md":     {"yaml": {by: "cmd/kes-respond/platforms TestStackStormRunsEveryAction", blocks: 2}},
	"manifest/wazuh/package/README.md":          nil,
	"manifest/xsoar/package/Integrations/KESRespond/KESRespond_description.md":  nil,
	"manifest/xsoar/package/README.md":                                          nil,
	"manifest/xsoar/template/Integrations/KESRespond/KESRespond_description.md": nil,
	"plugin/guard/POLICY.md":                                                    {"yaml": {run: (*site).policy}, "bash": {run: (*site).bash}},
	"plugin/journal/LEDGER.md":                                                  {"yaml": {run: (*site).config}, "bash": {run: (*site).bash}},
	"plugin/ksc/ERRORS.md":                                                      nil,
	"plugin/ksc/UNCONFIRMED.md":                                                 nil,
	"shared/PROTOCOL.md":                                                        {"example": {by: "shared TestExamplesOfTheSpecification"}, "json hosts": {by: "shared TestExamplesOfTheSpecification", blocks: 1}},
}

// documented are the documents that git has, or would take, by their paths.
func documented(t *testing.T) []string {
	t.Helper()
	need(t, "git")
	cmd := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
	cmd.Dir = toplike
	out, err := cmd.Output()
	require.NoError(t, err)
	paths := slices.DeleteFunc(strings.Fields(string(out)), func(p string) bool {
		_, err := os.Stat(filepath.Join(toplike, p))
		return err != nil // deleted, and not yet committed
	})
	require.NotEmpty(t, paths)
	return paths
}

func pageOf(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(toplike, path))
	require.NoError(t, err)
	return string(data)
}

// block is a fenced block of a document.
type block struct {
	kind, text string
	line       int
}

var fenced = regexp.MustCompile("^( *)(```+|~~~+) *([^`]*)$")

// parted gives the blocks of a document and, line by line, what is outside them.
func parted(t *testing.T, page string) (blocks []block, prose []string) {
	t.Helper()
	fence, indent := "", ""
	for i, line := range strings.Split(page, "\n") {
		m := fenced.FindStringSubmatch(line)
		switch {
		case fence == "" && m != nil:
			indent, fence = m[1], m[2]
			blocks = append(blocks, block{kind: strings.TrimSpace(m[3]), line: i + 1})
		case fence != "" && m != nil && strings.HasPrefix(m[2], fence) && m[3] == "":
			fence = ""
		case fence != "":
			last := &blocks[len(blocks)-1]
			last.text += strings.TrimPrefix(line, indent) + "\n"
			line = ""
		}
		if m != nil {
			line = ""
		}
		prose = append(prose, line) // a line stands for each, so that they can be counted
	}
	require.Empty(t, fence, "a block without an end")
	return blocks, prose
}

// TestEveryBlockOfEveryDocumentIsTyped: a new document and a new kind of block
// want a line in documents, and a test that types them.
func TestEveryBlockOfEveryDocumentIsTyped(t *testing.T) {
	paths := documented(t)
	assert.ElementsMatch(t, slices.Collect(maps.Keys(documents)), paths, "documents and those that there are")
	for _, p := range paths {
		blocks, prose := parted(t, pageOf(t, p))
		found := map[string]int{}
		for _, b := range blocks {
			found[b.kind]++
			_, known := documents[p][b.kind]
			assert.True(t, known, "%s:%d: nobody types a block of %q", p, b.line, b.kind)
		}
		for kind, s := range documents[p] {
			assert.Positive(t, found[kind], "%s has no block of %q", p, kind)
			if s.blocks > 0 {
				assert.Equal(t, s.blocks, found[kind], "%s: blocks of %q that %s types", p, kind, s.by)
			}
			require.NotEqual(t, s.run == nil, s.by == "", "%s: one types %q", p, kind)
			if s.by != "" {
				assert.True(t, testExists(t, s.by), "%s: there is no %s", p, s.by)
			}
		}
		for i, line := range prose {
			if strings.HasPrefix(p, "manifest/") && path.Dir(p) != "manifest" {
				break // the packages' pages have lines of their platforms' own
			}
			assert.False(t, strings.HasPrefix(line, "    ") && i > 0 && prose[i-1] == "", "%s:%d: a block without a fence is typed by nobody", p, i+1)
			assert.NotContains(t, line, "<pre", "%s:%d", p, i+1)
		}
	}
}

func testExists(t *testing.T, by string) bool {
	t.Helper()
	dir, name, found := strings.Cut(by, " ")
	require.True(t, found)
	files, err := filepath.Glob(filepath.Join(toplike, dir, "*_test.go"))
	require.NoError(t, err)
	for _, f := range files {
		data, err := os.ReadFile(f)
		require.NoError(t, err)
		if strings.Contains(string(data), "\nfunc "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}

// TestDocumentsRun types the blocks of each document from top to bottom, as
// somebody does who has just come: only addresses, passwords, files and long times
// are those of the test.
func TestDocumentsRun(t *testing.T) {
	programs := programsOf(t)
	for _, p := range documented(t) {
		blocks, _ := parted(t, pageOf(t, p))
		if !slices.ContainsFunc(blocks, func(b block) bool { return documents[p][b.kind].run != nil }) {
			continue
		}
		t.Run(path.Base(p), func(t *testing.T) {
			t.Parallel()
			s := siteOf(t, programs)
			switch {
			case p == "README.md":
				s.forget()
			case documents[p]["bash"].run != nil:
				s.used(t)
			}
			for _, b := range blocks {
				if run := documents[p][b.kind].run; run != nil {
					t.Logf("%s:%d", p, b.line)
					run(s, t, b.text)
				}
			}
		})
	}
}
