//go:build linux || darwin

package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	linked   = regexp.MustCompile(`\]\(([^()\s]+)\)|(?m)^\[[^\]]+\]: *(\S+)`)
	ticked   = regexp.MustCompile("`[^`\n]*`")
	headline = regexp.MustCompile(`^#{1,6} +(.*?)(?: +#+)?$`)
	namedDoc = regexp.MustCompile(`[\w./-]*\b[A-Za-z_]+\.md\b`)
)

// anchors are the names under which the heads of a document can be linked to,
// as the hosts of git make them.
func anchors(prose []string) []string {
	var all []string
	times := map[string]int{}
	for _, line := range prose {
		m := headline.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		text := strings.ToLower(regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(m[1], "$1"))
		anchor := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return r
			}
			return -1
		}, text)
		times[anchor]++
		if n := times[anchor] - 1; n > 0 {
			anchor = fmt.Sprintf("%s-%d", anchor, n)
		}
		all = append(all, anchor)
	}
	return all
}

// links are the links of a document to files, from its own folder; those to
// elsewhere are left out.
func links(t *testing.T, page string) []string {
	t.Helper()
	_, prose := parted(t, page)
	var all []string
	for _, m := range linked.FindAllStringSubmatch(ticked.ReplaceAllString(strings.Join(prose, "\n"), ""), -1) {
		if link := m[1] + m[2]; !regexp.MustCompile(`^[a-z]+:`).MatchString(link) {
			all = append(all, link)
		}
	}
	return all
}

// broken are the links in the documents below a folder that lead nowhere.
func broken(t *testing.T, folder string, paths []string) []string {
	t.Helper()
	var all []string
	for _, p := range paths {
		data, err := os.ReadFile(filepath.Join(folder, p))
		require.NoError(t, err)
		for _, link := range links(t, string(data)) {
			file, anchor, anchored := strings.Cut(link, "#")
			target := p
			if file != "" {
				target = path.Join(path.Dir(p), file)
			}
			text, err := os.ReadFile(filepath.Join(folder, target))
			if _, there := os.Stat(filepath.Join(folder, target)); there != nil || strings.HasPrefix(target, "../") {
				all = append(all, fmt.Sprintf("%s: %s is not there", p, link))
				continue
			}
			if anchored {
				require.NoError(t, err)
				if _, prose := parted(t, string(text)); !slices.Contains(anchors(prose), anchor) {
					all = append(all, fmt.Sprintf("%s: %s has no such head", p, link))
				}
			}
		}
	}
	return all
}

// TestLinksLeadSomewhere: every link from a document into the tree, and to a
// head. Those of a platform's package stay inside it, for it travels alone.
func TestLinksLeadSomewhere(t *testing.T) {
	paths := documented(t)
	assert.Empty(t, broken(t, toplike, paths))
	for _, p := range paths {
		pkg := regexp.MustCompile(`^manifest/[^/]+/(package|template)/`).FindString(p)
		for _, link := range links(t, pageOf(t, p)) {
			target := path.Join(path.Dir(p), link)
			assert.True(t, strings.HasPrefix(target, pkg), "%s: %s leaves the package", p, link)
			assert.True(t, pkg != "" || strings.Contains(link, ".md") || strings.HasPrefix(link, "#"),
				"%s: %s is no document: a release has documents only", p, link)
		}
	}
}

// TestABrokenLinkIsSeen holds the test above against what it is to find.
func TestABrokenLinkIsSeen(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("A.md", "# One `two`, three!\n\n## Again\n\n## Again\n\n```sh\n# No head\n[no](link.md)\n```\n"+
		"[a](#one-two-three) [b](B.md#4-head) [c](#again-1) `[no](link.md)` [d](https://example.com/x)\n")
	write("B.md", "# 4. Head\n")
	assert.Empty(t, broken(t, dir, []string{"A.md", "B.md"}))
	write("B.md", "[a](C.md) [b](A.md#no-head) [c](#again-2)\n\n[d]: ../A.md\n")
	assert.Len(t, broken(t, dir, []string{"B.md"}), 4)
}

// TestEveryDocumentIsFound: the README leads to each, over others or at once.
// Those of the platforms come with their packages.
func TestEveryDocumentIsFound(t *testing.T) {
	found := []string{"README.md"}
	for i := 0; i < len(found); i++ {
		for _, link := range links(t, pageOf(t, found[i])) {
			file, _, _ := strings.Cut(link, "#")
			target := path.Join(path.Dir(found[i]), file)
			if file != "" && strings.HasSuffix(target, ".md") && !slices.Contains(found, target) {
				found = append(found, target)
			}
		}
	}
	for _, p := range documented(t) {
		if !strings.HasPrefix(p, "manifest/") || path.Dir(p) == "manifest" {
			assert.Contains(t, found, p, "nothing leads to it from the README")
		}
	}
}

// TestNamedDocumentsAreThere: what help, errors and comments call a document is
// one, and so is what documents name without a link.
func TestNamedDocumentsAreThere(t *testing.T) {
	paths := documented(t)
	there := func(name string) bool {
		return slices.ContainsFunc(paths, func(p string) bool { return p == name || path.Base(p) == name })
	}
	for _, s := range sources(t) {
		data, err := os.ReadFile(s.path)
		require.NoError(t, err)
		for _, name := range namedDoc.FindAllString(string(data), -1) {
			assert.True(t, there(name), "%s names %s", s.path, name)
		}
	}
	for _, p := range paths {
		for _, span := range ticked.FindAllString(pageOf(t, p), -1) {
			for _, name := range namedDoc.FindAllString(span, -1) {
				assert.True(t, there(name) || there(path.Join(path.Dir(p), name)), "%s names %s", p, name)
			}
		}
	}
}

// TestCommandsInProseAreThere: where a sentence says "kes-respond WORD", WORD is
// a command or a task, or stands for one in capitals.
func TestCommandsInProseAreThere(t *testing.T) {
	root := commands(surroundings{args: []string{"kes-respond"}, getenv: func(string) string { return "" }})
	root.InitDefaultHelpCmd()
	known := map[string]bool{}
	for _, words := range everyCommand(root) {
		known[strings.Join(words, " ")] = true
	}
	said, seen := regexp.MustCompile("`kes-respond\\s+([a-z][A-Za-z]*)( [a-z]+\\b)?"), 0
	for _, p := range documented(t) {
		_, prose := parted(t, pageOf(t, p))
		text := strings.ReplaceAll(strings.Join(prose, "\n"), "`kes-respond could not be asked`", "") // what it says, and not what it is told
		for _, m := range said.FindAllStringSubmatch(text, -1) {
			seen++
			assert.True(t, known[m[1]], "%s: kes-respond has no command %s", p, m[1])
			switch m[1] { // those that have commands of their own
			case "journal", "policy":
				assert.True(t, m[2] == "" || known[m[1]+m[2]], "%s: kes-respond %s has no command%s", p, m[1], m[2])
			}
		}
	}
	assert.Greater(t, seen, 20)
}
