package platforms

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// TestAnsibleRunsItsPage plays every block of the package's page in the order in
// which it stands there: the first holds the connection, the others are tasks.
func TestAnsibleRunsItsPage(t *testing.T) {
	t.Parallel()
	a := newAnsible(t)
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(read(t, root+"/manifest/ansible/package/README.md"), -1)
	require.Greater(t, len(blocks), 3)
	shown := strings.NewReplacer(
		"ksc.example", a.host, `"the SHA-256 of the server's certificate, PEM text, or a file"`, a.cert, `"..."`, password,
	).Replace(blocks[0][1])
	require.NotContains(t, shown, "...")
	var vars map[string]map[string]any
	require.NoError(t, yaml.Unmarshal([]byte(shown), &vars))
	vars["ksc"]["kscPort"] = a.port
	secret := filepath.Join(a.dir, "connection.json")
	require.NoError(t, os.WriteFile(secret, []byte(text(t, map[string]any{"connection": vars["ksc"]})), 0o600))

	book := `- hosts: PC-12
  gather_facts: false
  module_defaults:
    kes_respond.edr.kes_respond: {connection: "{{ connection }}"}
  vars: {task: isolateHost, params: {action: 1}}
  tasks:
    - kes_respond.edr.kes_respond: {task: isolateHost, targetHost: PC-12, params: {action: 0}}
      delegate_to: localhost
      register: response
`
	tasks := 0
	for _, b := range blocks[1:] {
		require.True(t, strings.HasPrefix(b[1], "- "), "no task: %s", b[1])
		tasks += strings.Count("\n"+b[1], "\n- ")
		book += strings.ReplaceAll("\n"+strings.TrimRight(b[1], "\n"), "\n", "\n    ") + "\n"
	}
	book = strings.ReplaceAll(book, "delay: 30", "delay: 1")
	said, _ := a.play(t, book, "-e", "@"+secret)
	require.Equal(t, 0, said.code, said.out+said.stderr)
	assert.Regexp(t, fmt.Sprintf(`PC-12 +: ok=%d +changed=\d+ +unreachable=0 +failed=0`, tasks+1), said.out)
	sent := map[string]bool{}
	for _, body := range a.incidents(t) {
		sent[body["task"].(string)] = true
	}
	assert.Len(t, sent, len(samples(t)), "an example of each task: %v", sent)
}
