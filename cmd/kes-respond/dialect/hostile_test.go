package dialect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/shared"
)

// ask starts a dialect by hand: what it was asked for, its exit code, and all that it wrote.
func (a *answers) ask(t *testing.T, platform, in string, args ...string) (int, string) {
	t.Helper()
	for _, d := range All() {
		if d.Platform != platform {
			continue
		}
		err := d.Answer(t.Context(), a.surroundings(in), args)
		var end *exit.Error
		switch {
		case err == nil:
			return shared.ExitOK, a.out.String() + a.err.String()
		case errors.As(err, &end):
			return end.Code, a.out.String() + a.err.String()
		}
		t.Fatalf("%s: %v", platform, err)
	}
	t.Fatalf("no dialect of the name %s", platform)
	return 0, ""
}

func submitted() *answers {
	return &answers{result: shared.Result{
		Outcome: shared.Submitted, Task: "isolateHost", TargetHost: "PC-12", Message: "stored", Incident: &shared.Incident{Server: "main", ID: "4711"},
	}}
}

func four(alert string, extra ...string) string {
	return fmt.Sprintf(`{"command":"add","parameters":{"extra_args":["%s"],"alert":%s}}`, strings.Join(extra, `","`), alert) + "\n"
}

func five(extra, more string) string {
	return fmt.Sprintf(`{"wazuh":{"active_response":{"type":"stateless"%s},"agent":{"name":"PC-1"}},"command":"enable"%s}`, extra, more) + "\n"
}

// TestAnEventShapesNoOrderOfWazuh: whoever writes an event may give it any field,
// twice too, and 5.x lays an event's fields beside its own.
func TestAnEventShapesNoOrderOfWazuh(t *testing.T) {
	const words = `,"extra_arguments":"isolateHost action=1"`
	isolate := func(alert string, more ...string) string {
		return four(alert, append([]string{"isolateHost", "action=1"}, more...)...)
	}
	for name, one := range map[string]struct{ line, refused, host string }{
		"agent twice":                {line: isolate(`{"agent":{"name":"PC-1"},"agent":{"name":"DC"}}`), refused: "agent stands twice"},
		"name twice":                 {line: isolate(`{"agent":{"name":"PC-1","n\u0061me":"DC"}}`), refused: "name stands twice"},
		"command twice":              {line: five(words, `,"command":"disable"`), refused: "command stands twice"},
		"its own member twice":       {line: five(words, `,"wazuh":{}`), refused: "wazuh stands twice"},
		"words of another":           {line: five(``, `,"parameters":{"extra_args":["isolateHost","action=1"],"alert":{"agent":{"name":"DC"}}}`), refused: "names a task"},
		"an agent of its own":        {line: five(words, `,"agent":{"name":"DC"},"parameters":{},"parameters":[]`), host: "PC-1"},
		"members in another case":    {line: five(words, `,"Command":"disable","Wazuh":{"active_response":{"extra_arguments":"isolateHost action=0"}}`), host: "PC-1"},
		"what nobody asks for twice": {line: isolate(`{"agent":{"name":"PC-1"},"data":{"a":1,"a":2},"data":0}`), host: "PC-1"},
		"a field with a word in it":  {line: isolate(`{"agent":{"name":"PC-1 action=0"}}`), host: "PC-1 action=0"},
		"stateful is no word":        {line: isolate(`{"agent":{"name":"PC-1"}}`, "stateful=yes"), refused: "stateful must be true or false"},
		"an argument without a name": {line: isolate(`{"agent":{"name":"PC-1"}}`, "=x"), refused: "is not NAME=VALUE"},
		"a command that is no text":  {line: strings.Replace(isolate(`{"agent":{"name":"PC-1"}}`), `"add"`, `["add"]`, 1), refused: "command is no text"},
		"an alert that is none":      {line: isolate(`"PC-1"`), refused: "/targetHost"},
		"no object":                  {line: `["add"]`, refused: "no line that Wazuh writes"},
		"nothing":                    {line: "\n", refused: "no line that Wazuh writes"},
		"a line that is too long":    {line: isolate(`{"agent":{"name":"` + strings.Repeat("x", wazuhLine) + `"}}`), refused: "more than 1048576 bytes"},
		"a host that is many":        {line: isolate(`{"agent":{"name":["PC-1","PC-2"]}}`), refused: "names 2 hosts"},
		"deeper than any order":      {line: isolate(`{"agent":`+strings.Repeat("[", 9000)+strings.Repeat("]", 9000)+`}`, "targetHost=@agent"), refused: "targetHost"},
	} {
		a := submitted()
		code, said := a.ask(t, "wazuh", one.line)
		assert.Equal(t, 1, strings.Count(said, "\n"), "%s: one line of a log: %s", name, said)
		if one.refused != "" {
			assert.Equal(t, shared.ExitRefused, code, "%s: %s", name, said)
			assert.Contains(t, said, one.refused, name)
			assert.Contains(t, said, "nothing was sent", name)
			assert.Empty(t, a.asked, name)
			continue
		}
		require.Len(t, a.asked, 1, "%s: %s", name, said)
		assert.Equal(t, one.host, a.asked[0].TargetHost, name)
		assert.JSONEq(t, `{"action":1}`, string(a.asked[0].Params), name)
	}
}

// TestWhateverWayParametersComeTheyAreTakenBack: a host that was isolated would
// else stay so when its time is up.
func TestWhateverWayParametersComeTheyAreTakenBack(t *testing.T) {
	for _, words := range [][]string{{"action=1"}, {`params={\"action\":1}`}, {`params={\"action\":\"1\"}`}, {"params=@p"}} {
		a := submitted()
		line := strings.Replace(four(`{"agent":{"name":"PC-1"},"p":{"action":1}}`, append([]string{"isolateHost"}, words...)...), `"add"`, `"delete"`, 1)
		code, said := a.ask(t, "wazuh", line)
		require.Equal(t, shared.ExitOK, code, "%s: %s", words, said)
		require.Len(t, a.asked, 1)
		assert.JSONEq(t, `{"action":0}`, string(a.asked[0].Params), "%s", words)
	}
	a := submitted()
	code, said := a.ask(t, "wazuh", strings.Replace(four(`{"agent":{"name":"PC-1"}}`, "isolateHost", "action=1", `params={\"action\":1}`), `"add"`, `"delete"`, 1))
	assert.Equal(t, shared.ExitRefused, code)
	assert.Contains(t, said, "exclude each other")
}

// TestAResultOfSplunkNamesNothingTwice, and no file: what a search has found may
// hold whatever a host has written.
func TestAResultOfSplunkNamesNothingTwice(t *testing.T) {
	for in, refused := range map[string]string{
		`{"configuration":{"action":"1","targetHost":"@host"},"result":{"host":"PC-1","host":"DC"}}`:                           "host stands twice",
		`{"configuration":{"action":"1","targetHost":"@host"},"result":{"host":"PC-1","__mv_host":"","__mv_host":"$a$;$b$"}}`:  "__mv_host stands twice",
		`{"configuration":{"action":"1","targetHost":"@host"},"result":{"host":"PC-1"},"result":{"host":"DC"}}`:                "no payload",
		`{"configuration":{"action":"1","targetHost":"@host"},"result":["PC-1"]}`:                                              "no payload",
		`{"configuration":{"action":"1","targetHost":"@host"}}`:                                                                "no field host",
		`{"configuration":{"action":"1","targetHost":"h"},"result":{"other":1,"other":2,"lost":"\ufffd"}}`:                     "",
		`{"configuration":{"action":"1","targetHost":"h","config":"@config"},"result":{"config":"/of/an/event.yaml"}}`:         "",
		`{"configuration":{"isolateHost":"false","ioc":"@ioc","targetHost":"h"},"result":{"ioc":"/etc/passwd"}}`:               "file does not exist",
		`{"configuration":{"action":"1","targetHost":"$result.host$"},"result":{"host":"PC-1"}}`:                               "Splunk had no value",
		`{"configuration":{"action":"1","targetHost":"@host"},"result":{"host":"PC-1\u202e","__mv_host":"$PC-1$;$\u202eDC$"}}`: "names 2 hosts",
		`{"configuration":{"action":"1","targetHost":"@host"},"result":{"host":{"name":"PC-1"}}}`:                              "/targetHost",
		`{"configuration":{"action":"1","targetHost":"@a/b~1"},"result":{"a/b~1":"h"}}`:                                        "",
		`{"configuration":{"action":"1","targetHost":"h","connection":{"kscHost":"evil.example"}},"result":{}}`:                "connection cannot be given here",
		`{"configuration":{"action":"1","targetHost":"h","params":"{\"action\":0}"},"result":{}}`:                              "exclude each other",
		`{"configuration":{"action":"1","targetHost":"h","type":"shutdown"},"result":{}}`:                                      "type cannot be given here",
		`{"configuration":{"action":"1","targetHost":"h","dryRun":"@dry"},"result":{"dry":""}}`:                                "no field dry",
	} {
		a := submitted()
		word := "isolateHost"
		if strings.Contains(in, "ioc") {
			word = "iocScan"
		}
		code, said := a.ask(t, "splunk", in, "--execute", word)
		if refused == "" {
			require.Len(t, a.asked, 1, "%s: %s", in, said)
			assert.Equal(t, "h", a.asked[0].TargetHost)
			assert.NotEqual(t, "/of/an/event.yaml", a.set.Config, "an event names no server")
			continue
		}
		assert.Equal(t, shared.ExitRefused, code, "%s: %s", in, said)
		assert.Contains(t, said, refused, in)
		assert.Empty(t, a.asked, in)
	}
}

// TestLogsAreASCII: a platform's log is read on terminals, and what an event has
// chosen must not move the cursor or turn a line around.
func TestLogsAreASCII(t *testing.T) {
	const name = "PC-\u202e1\u2028\u009b"
	for platform, start := range map[string]start{
		"wazuh":      {in: four(`{"agent":{"name":"PC-1"}}`, "isolateHost", "action=1")},
		"splunk":     {[]string{"--execute", "isolateHost"}, `{"configuration":{"action":"1","targetHost":"h"}}`},
		"form":       {in: `{"task":"isolateHost","targetHost":"h","params":{"action":1}}`},
		"stackstorm": {args: []string{"--action=1", "--targetHost=h", "isolateHost"}},
	} {
		a := submitted()
		a.result.TargetHost = name
		_, said := a.ask(t, platform, start.in, start.args...)
		assert.Contains(t, said, `PC-\u202e1\u2028\u009b`, platform)
		for _, r := range said {
			assert.True(t, r < 0x7f && (r >= ' ' || r == '\n'), "%s: %q in %s", platform, r, said)
		}
	}
}

// full takes nothing, as a disk without room or a pipe that nobody reads.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestWhatNobodyCouldBeToldIsNotFailed: where something was sent and the answer
// cannot be written, the exit code says that it may have happened.
func TestWhatNobodyCouldBeToldIsNotFailed(t *testing.T) {
	for _, d := range All() {
		for outcome, want := range map[shared.Outcome]int{
			shared.Submitted: shared.ExitUnknown, shared.Succeeded: shared.ExitUnknown, shared.Pending: shared.ExitPending, shared.Partial: shared.ExitPartial,
			shared.Unknown: shared.ExitUnknown, shared.Refused: shared.ExitRefused, shared.Failed: shared.ExitFailed, shared.Planned: shared.ExitFailed,
		} {
			a := submitted()
			a.result.Outcome = outcome
			sent := outcome != shared.Refused && outcome != shared.Planned
			if !sent {
				a.result.Incident = nil
			}
			if outcome == shared.Refused {
				a.result.Error = &shared.Error{Code: shared.BadRequest}
			}
			dir := t.TempDir()
			in := starts(t, dir)[d.Platform]
			require.NoError(t, os.WriteFile(filepath.Join(dir, "job/output"), nil, 0o600), "a file where Cortex has a folder")
			s := a.surroundings(in.in)
			s.Out, s.Err = full{}, io.Writer(full{})
			err := d.Answer(t.Context(), s, in.args)
			var end *exit.Error
			require.ErrorAs(t, err, &end, "%s, %s", d.Platform, outcome)
			assert.Equal(t, want, end.Code, "%s, %s", d.Platform, outcome)
			require.Error(t, end.Err, "%s, %s: somebody may read standard error", d.Platform, outcome)
			assert.Contains(t, end.Error(), "it was: "+string(outcome), d.Platform)
			assert.Equal(t, sent, strings.Contains(end.Error(), "incident 4711 on server main"), "%s: %s", d.Platform, end)
		}
	}
}
