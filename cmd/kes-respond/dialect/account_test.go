package dialect

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// hidden is a password that no answer may have in it.
const hidden = "Hidden1"

// cortexJobIn writes a job on the observable PC-12 with a configuration and tags.
func cortexJobIn(t *testing.T, kind, tags, config string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "input"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "input/input.json"), []byte(
		`{"dataType":"`+kind+`","data":{"data":"PC-12","dataType":"hostname","tags":[`+tags+`]},"config":{`+config+`}}`), 0o600))
	return dir
}

func cortexSaid(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "output/output.json"))
	require.NoError(t, err)
	return string(data)
}

// TestAnAccountGoesToNoOtherServer: an account that somebody entered without the
// address it belongs to is incomplete, and not passed over.
func TestAnAccountGoesToNoOtherServer(t *testing.T) {
	const action = `"service":"isolateHost","param_action":1`
	for given, want := range map[string]string{
		``: "",
		`,"kscPort":"13299","kscInternalUser":false`:                          "", // what a form has where nobody entered anything
		`,"kscHost":"","kscPort":"13299","kscUser":"","kscPassword":null`:     "",
		`,"kscUser":"u","kscPassword":"` + hidden + `"`:                       `{"kscPassword":"` + hidden + `","kscUser":"u"}`,
		`,"kscCert":"/ksc.pem"`:                                               `{"kscCert":"/ksc.pem"}`,
		`,"kscHost":"ksc.example"`:                                            `{"kscHost":"ksc.example"}`,
		`,"kscHost":["ksc.example"],"kscPort":13299,"kscInternalUser":"True"`: `{"kscHost":"ksc.example","kscPort":13299,"kscInternalUser":true}`,
	} {
		a := submitted()
		code, _ := a.ask(t, "cortex", "", cortexJobIn(t, "thehive:case_artifact", "", action+given))
		require.Equal(t, shared.ExitOK, code, given)
		require.Len(t, a.asked, 1, given)
		if want == "" {
			assert.Empty(t, a.asked[0].Connection, given)
			continue
		}
		assert.JSONEq(t, want, string(a.asked[0].Connection), given)
	}
}

// TestNoAccountIsMadeOfWhatIsNone, and nothing of it is said.
func TestNoAccountIsMadeOfWhatIsNone(t *testing.T) {
	for _, credentials := range []string{`"` + hidden + `"`, `["` + hidden + `"]`, `7`, `true`} {
		a := submitted()
		code, said := a.ask(t, "insightconnect", `{"type":"action_start","body":{"meta":{},"action":"isolateHost","connection":{"kscHost":"h","kscCert":"/c","kscPassword":"`+
			hidden+`","credentials":`+credentials+`},"input":{"action":1,"targetHost":"PC-12"}}}`, "run")
		assert.Equal(t, shared.ExitRefused, code, credentials)
		assert.Contains(t, said, "credentials are no username and password; nothing was sent")
		assert.NotContains(t, said, hidden)
		assert.Empty(t, a.asked)
	}
}

// TestNothingIsLookedForWhereTheProgramIsNotKnownToLie: the folder that it happens
// to run in may be anybody's.
func TestNothingIsLookedForWhereTheProgramIsNotKnownToLie(t *testing.T) {
	app := t.TempDir()
	for name, text := range map[string]string{"bin/kes_password.py": "", "local/kes-respond.yaml": "", "logs/active-responses.log": "", "linux/bin/nothing": ""} {
		require.NoError(t, os.MkdirAll(filepath.Join(app, filepath.Dir(name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(app, name), []byte(text), 0o600))
	}
	t.Chdir(filepath.Join(app, "linux", "bin"))
	a := submitted()
	a.getenv = map[string]string{"SPLUNK_HOME": "/opt/splunk"}
	s := a.surroundings(`{"session_key":"the key","configuration":{"action":"1","targetHost":"PC-12"}}`)
	s.Password = func(context.Context, string, []string, io.Reader) (string, error) {
		t.Error("the key goes to a program of anybody's")
		return hidden, nil
	}
	splunk, _ := StartedAs("kes-respond-splunk")
	require.NoError(t, splunk.Answer(t.Context(), s, []string{"--execute", "isolateHost"}))
	assert.Empty(t, a.set.Config)
	a = submitted()
	_, said := a.ask(t, "wazuh", four(`{"agent":{"name":"PC-1"}}`, "isolateHost", "action=1"))
	assert.Contains(t, said, `"outcome":"submitted"`, "on standard error")
	log, err := os.ReadFile(filepath.Join(app, "logs/active-responses.log"))
	require.NoError(t, err)
	assert.Empty(t, log)
}

// TestTheHiveIsAskedForNothingThatItCannotDo: an operation that it does not know
// would make a failure of what was sent.
func TestTheHiveIsAskedForNothingThatItCannotDo(t *testing.T) {
	const action = `"service":"isolateHost","param_action":1`
	for kind, want := range map[string]string{
		"thehive:case_artifact": `"type":"AddTagToArtifact"`, "thehive:case": `"type":"AddTagToCase"`, "thehive:alert": `"type":"AddTagToAlert"`, "thehive:case_task": "",
	} {
		dir := cortexJobIn(t, kind, `"kes:targetHost=\"PC-12\""`, action)
		a := submitted()
		code, _ := a.ask(t, "cortex", "", dir)
		require.Equal(t, shared.ExitOK, code, kind)
		said := cortexSaid(t, dir)
		if want == "" {
			assert.NotContains(t, said, `"operations"`)
			continue
		}
		assert.Contains(t, said, want)
	}
}

// TestStatusPassesOverTagsThatAreNoIncidents: anybody may tag a case.
func TestStatusPassesOverTagsThatAreNoIncidents(t *testing.T) {
	dir := cortexJobIn(t, "thehive:case_artifact", `"kes:incident=nothing-of-ours","kes:incident=\"9\"","kes:incident=\"10\"","kes:incident="`, `"service":"status"`)
	a := submitted()
	code, _ := a.ask(t, "cortex", "", dir)
	require.Equal(t, shared.ExitOK, code)
	require.Len(t, a.asked, 1)
	require.NotNil(t, a.asked[0].Incident)
	assert.Equal(t, "10", a.asked[0].Incident.ID)
}

// TestStackStormTakesOneWordForOneThing: of two values one would be passed over.
func TestStackStormTakesOneWordForOneThing(t *testing.T) {
	for said, args := range map[string][]string{
		"--within and --timeout exclude each other": {"--timeout=1s", "--within=2m", "--action=1", "--targetHost=PC-12", "isolateHost"},
		"-- has no value, or no name":               {"--=/etc/passwd", "--action=1", "--targetHost=PC-12", "isolateHost"},
		"--action stands twice":                     {"--action=1", "--action=0", "--targetHost=PC-12", "isolateHost"},
		"2 words stand":                             {"--action=1", "--targetHost=PC-12", "isolateHost", "check"},
		"0 words stand":                             {"--action=1", "--targetHost=PC-12"},
		"connection cannot be given here":           {"--connection={\"kscPassword\":\"" + hidden + "\"}", "check"},
	} {
		a := submitted()
		code, out := a.ask(t, "stackstorm", "", args...)
		assert.Equal(t, shared.ExitRefused, code, said)
		assert.Contains(t, out, said)
		assert.Contains(t, out, "nothing was sent")
		assert.NotContains(t, out, hidden)
		assert.Empty(t, a.asked, said)
	}
}

// TestWazuhsLogIsNoOtherFile: Wazuh starts the program as root, and the folder of
// its logs is not root's.
func TestWazuhsLogIsNoOtherFile(t *testing.T) {
	home := t.TempDir()
	for _, folder := range []string{"logs", "active-response/bin"} {
		require.NoError(t, os.MkdirAll(filepath.Join(home, folder), 0o700))
	}
	log, other := filepath.Join(home, "logs/active-responses.log"), filepath.Join(home, "other")
	require.NoError(t, os.WriteFile(other, []byte("as it was"), 0o600))
	logged := func() (said, inLog string) {
		a := submitted()
		a.program = filepath.Join(home, "active-response/bin/kes-respond-wazuh")
		code, said := a.ask(t, "wazuh", four(`{"agent":{"name":"PC-1"}}`, "isolateHost", "action=1"))
		require.Equal(t, shared.ExitOK, code, said)
		data, err := os.ReadFile(other)
		require.NoError(t, err)
		assert.Equal(t, "as it was", string(data))
		data, err = os.ReadFile(log)
		if err != nil {
			return said, ""
		}
		return said, string(data)
	}
	require.NoError(t, os.Symlink(other, log))
	said, _ := logged()
	assert.Contains(t, said, `"outcome":"submitted"`, "on standard error instead")
	require.NoError(t, os.Remove(log))
	said, _ = logged()
	assert.Contains(t, said, `"outcome":"submitted"`, "where there is none, none is made")
	assert.NoFileExists(t, log)
	require.NoError(t, os.Mkdir(log, 0o700))
	said, _ = logged()
	assert.Contains(t, said, `"outcome":"submitted"`)
	require.NoError(t, os.Remove(log))
	require.NoError(t, os.WriteFile(log, []byte("before\n"), 0o600))
	said, inLog := logged()
	assert.Empty(t, said)
	assert.Regexp(t, `^before\n20[^\n]+"outcome":"submitted"[^\n]+\n$`, inLog)
}
