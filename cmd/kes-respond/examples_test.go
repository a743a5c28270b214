package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everyCommand are the words of all commands that help can be asked about.
func everyCommand(c *cobra.Command, before ...string) [][]string {
	var all [][]string
	for _, sub := range c.Commands() {
		words := append(append([]string{}, before...), sub.Name())
		all = append(all, words)
		all = append(all, everyCommand(sub, words...)...)
	}
	return all
}

// TestEveryExampleOfHelpRuns types what the help of each command shows, against
// the emulator. A command without an example fails.
func TestEveryExampleOfHelpRuns(t *testing.T) {
	root := commands(surroundings{args: []string{"kes-respond"}, getenv: func(string) string { return "" }})
	root.InitDefaultHelpCmd()
	all := append([][]string{{}}, everyCommand(root)...)
	require.Greater(t, len(all), 25)
	s := newSite(t)
	config := filepath.Join(s.dir, "anchored.yaml")
	require.NoError(t, os.WriteFile(config, []byte("ledger: {anchorFile: auth.log}\n"), 0o600))
	s.env = append(s.env, "KES_RESPOND_CONFIG="+config)
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	require.NoError(t, z.AddFS(os.DirFS(filepath.Join(s.dir, "indicators"))))
	require.NoError(t, z.Close())
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "indicators.zip"), archive.Bytes(), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "args.json"), []byte(`{"task":"getFile","targetHost":"PC-12","params":{"md5hash":"","sha256hash":"","path":"C:\\a.exe"}}`), 0o600))
	s.run(t, 0, "bash", "-euc", `printf '%s\n' '{"id":"alert-17","task":"isolateHost","targetHost":"PC-12","params":{"action":1}}' | kes-respond serve`)

	codes := map[string]int{"kes-respond status 4711": 4} // KSC has made no console task of that one
	elsewhere := strings.NewReplacer(
		"/etc/bash_completion.d/", s.dir+"/indicators/bash-", `"${fpath[1]}/_kes-respond"`, s.dir+"/_kes-respond", "~/.config/fish/completions/", s.dir+"/",
		"/etc/kes-respond/", s.dir+"/etc/", " | Out-String | Invoke-Expression", "", "/var/log/auth.log", filepath.Join(s.dir, "auth.log"),
	)
	var last []string // what keeps others from being carried out
	for _, words := range all {
		help := s.run(t, 0, "kes-respond", append([]string{"help"}, words...)...)
		_, examples, found := strings.Cut(help, "\nExamples:\n")
		if !assert.True(t, found, "%v has no example", words) {
			continue
		}
		examples, _, _ = strings.Cut(examples, "\n\n")
		for line := range strings.Lines(examples) {
			line = elsewhere.Replace(strings.TrimSpace(line))
			if strings.Contains(line, " suspend ") || strings.HasSuffix(line, " resume") {
				last = append(last, line)
				continue
			}
			s.run(t, codes[line], "bash", "-euc", line)
		}
	}
	assert.Len(t, last, 2)
	s.run(t, 0, "bash", "-euc", last[0]+"; "+last[1])
}
