package dialect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// FuzzDialects hands anything to every dialect, in the place where its platform
// hands over a request. Each answers, says 0 only where it asked for something or
// where nothing was to be done, and asks for nothing that a caller of serve could not.
func FuzzDialects(f *testing.F) {
	for _, seed := range []string{
		"", "null", "[]", `{"task":"isolateHost","targetHost":"PC-12","params":{"action":"1"}}`, `{"task":"getFile","targetHost":["a"],"params":"{\"path\":\"C:\\\\a\"}","dryRun":"True"}`,
		`{"request":"status","incident":4711}`, `{"request":"check"}`, `{"_ansible_check_mode":true,"task":"isolateHost","targetHost":"a","params":{"action":0}}`,
		`{"type":"action_start","body":{"meta":{},"action":"isolateHost","connection":{"credentials":{"username":"u","password":"p"}},"input":{"action":1,"targetHost":"PC-12"}}}`,
		`{"configuration":{"action":"1","targetHost":"@host"},"result":{"host":"PC-12","__mv_host":"$a$;$b$"}}`,
		four(`{"agent":{"name":"PC-1"}}`, "isolateHost", "action=1"), five(`,"extra_arguments":["isolateHost","action=1","stateful=true"]`, ""),
		`{"command":"delete","parameters":{"extra_args":["deleteFile","path=C:\\a","md5hash=","sha256hash="],"alert":{"agent":{"name":"a"}}}}`,
		`{"dataType":"thehive:case_artifact","tlp":2,"data":{"data":"PC-12","dataType":"hostname","tags":["kes:path=\"C:\\a\""]},"config":{"service":"getFile","kscHost":"h"}}`,
		`--action=1 --targetHost=PC-12 isolateHost`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, d := range All() {
			dir := t.TempDir()
			args := map[string][]string{
				"ansible": {filepath.Join(dir, "args")}, "cortex": {dir}, "insightconnect": {"run"}, "splunk": {"--execute", "isolateHost"}, "stackstorm": strings.Fields(text),
			}[d.Platform]
			require.NoError(t, os.Mkdir(filepath.Join(dir, "input"), 0o700))
			for _, name := range []string{"args", "input/input.json"} {
				require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
			}
			a := submitted()
			code, said := a.ask(t, d.Platform, text, args...)
			if d.Platform == "cortex" {
				said = cortexSaid(t, dir)
			}
			assert.NotEmpty(t, said, "%s is answered whatever comes", d.Platform)
			if len(a.asked) == 0 {
				if d.Platform != "wazuh" || !strings.Contains(said, "leaves nothing that could be taken back; nothing was sent") {
					assert.NotEqual(t, shared.ExitOK, code, "%s: %s", d.Platform, said)
				}
				continue
			}
			require.Len(t, a.asked, 1, d.Platform)
			holdsOnlyWhatMayBeAsked(t, a.asked[0])
		}
	})
}

func holdsOnlyWhatMayBeAsked(t *testing.T, r shared.Request) {
	t.Helper()
	if r.Type != shared.TypeRespond {
		assert.Contains(t, []string{shared.TypeStatus, shared.TypeCheck}, r.Type)
		return
	}
	assert.NotEmpty(t, r.TargetHost)
	assert.NotEmpty(t, r.Task)
	found, err := shared.CheckJSON(r.Params)
	assert.NoError(t, err)
	assert.Empty(t, found)
}
