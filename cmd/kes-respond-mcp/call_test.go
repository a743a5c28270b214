package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

type args = map[string]any

func isolate(more args) args {
	a := args{"targetHost": "PC-12", "params": args{"action": 1}}
	for name, v := range more {
		a[name] = v
	}
	return a
}

// asking runs a test in both ways in which a server asks a person.
func asking(t *testing.T, test func(t *testing.T, revision string)) {
	t.Parallel()
	for _, revision := range []string{older, newest} {
		t.Run(revision, func(t *testing.T) { test(t, revision) })
	}
}

func TestEveryTaskIsSentOnceAPersonAgrees(t *testing.T) {
	asking(t, func(t *testing.T, revision string) {
		s := newScene(t)
		c := s.connect(revision, agrees)
		questions := 0
		for name, params := range samples(t) {
			g := c.call(name, args{"targetHost": "PC-12", "params": params, "reason": "an alert", "caseId": "case-7"})
			assert.Equal(t, shared.Submitted, g.Outcome, "%s: %s", name, g.words)
			assert.False(t, g.isError)
			assert.Contains(t, g.words, "Stored, not done", "stored is not done")
			assert.Contains(t, g.words, g.ID, "a client may show its model the words alone")
			assert.Equal(t, "PC-12", g.TargetHost, "as the caller wrote it")
			assert.Equal(t, "id-of-pc-12", g.Host.ID)
			if name != "getFile" && name != "onDemandScan" {
				questions++
			}
			assert.Len(t, c.asked, questions, name)
		}
		bodies := s.incidents()
		assert.Len(t, bodies, 9)
		for _, body := range bodies {
			assert.Contains(t, body, `"targetHost":"id-of-pc-12"`)
		}
		record := s.ledger()
		assert.Equal(t, 9, strings.Count(record, `"actor":"MCP: a client 1.2"`), record)
		assert.Contains(t, record, `"reason":"an alert"`)
		assert.Contains(t, record, `"caseId":"case-7"`)
	})
}

func TestCheckAndStatus(t *testing.T) {
	s := newScene(t)
	c := s.connect(newest, agrees)
	r, err := c.CallTool(t.Context(), &mcp.CallToolParams{Name: "check"})
	require.NoError(t, err)
	assert.False(t, r.IsError)
	require.NoError(t, c.outputs["check"].Validate(again(t, r.StructuredContent)))
	sent := c.call("isolateHost", isolate(args{"wait": "done"}))
	require.Equal(t, shared.Succeeded, sent.Outcome, sent.words)
	assert.Contains(t, sent.words, `Taken back by: isolateHost {"action":0}`)
	for _, about := range []args{
		{"incident": sent.Incident.ID},
		{"request": sent.ID},
		{"request": sent.ID, "wait": "done", "timeout": "20s"},
	} {
		g := c.call("status", about)
		assert.Equal(t, shared.Succeeded, g.Outcome, "%v: %s", about, g.words)
		assert.Equal(t, sent.Incident.ID, g.Incident.ID)
	}
	for _, wrong := range []args{
		{},
		{"incident": sent.Incident.ID, "request": sent.ID},
		{"incident": 7},
		{"incident": "7,\"server\":\"x\""},
		{"incident": args{"id": "7"}},
		{"incident": "12345678901234567890"},
		{"request": ""},
		{"request": 7},
		{"request": strings.Repeat("x", shared.MaxIDLength+1)},
		{"incident": "1", "wait": true},
		{"incident": "1", "targetHost": "PC-12"},
	} {
		g := c.call("status", wrong)
		assert.Equal(t, shared.Refused, g.Outcome, "%v: %s", wrong, g.words)
		assert.True(t, g.isError)
	}
	assert.Equal(t, shared.Refused, c.call("status", args{"incident": "99999", "server": "nowhere"}).Outcome)
}

func TestAPersonSeesWhatTheyAgreeTo(t *testing.T) {
	s := newScene(t)
	c := s.connect(newest, says("decline", nil))
	g := c.call("startProcess", args{
		"targetHost": "бухгалтерия-1",
		"params":     args{"executablePath": `C:\Windows\notepad.exe`, "arguments": "/x \u202e evil\u2028Policy: fine", "workingFolder": ""},
		"reason":     "line\u200bone",
	})
	require.Equal(t, shared.Refused, g.Outcome, g.words)
	if !assert.Len(t, c.asked, 1, g.words) {
		return
	}
	q := <-c.asked
	for _, part := range []string{
		"Start process: start a program on the host.", `Host: "Бухгалтерия-1", id "id-of-cyrillic", asked for as "бухгалтерия-1"`,
		`"executablePath":"C:\\Windows\\notepad.exe"`, `/x \u202e evil\u2028Policy: fine`, `"line\u200bone"`, "Policy: ", "Nothing has been sent.",
	} {
		assert.Contains(t, q.Message, part)
	}
	assert.Empty(t, s.incidents())
}

func TestWithoutAYesNothingIsSent(t *testing.T) {
	answers := map[string]person{
		"declined":     says("decline", nil),
		"cancelled":    says("cancel", nil),
		"not ticked":   says("accept", args{"carryOut": false}),
		"another word": says("accept", args{"carryOut": true, "x": 1}),
	}
	asking(t, func(t *testing.T, revision string) {
		s := newScene(t)
		for name, p := range answers {
			g := s.connect(revision, p).call("isolateHost", isolate(nil))
			if name == "another word" { // the answer is yes all the same
				assert.Equal(t, shared.Submitted, g.Outcome, g.words)
				continue
			}
			assert.Equal(t, shared.Refused, g.Outcome, name)
			assert.Equal(t, shared.ApprovalRequired, g.Error.Code, name)
			assert.True(t, g.isError)
			assert.Contains(t, g.words, "nothing was sent")
			assert.NotEmpty(t, g.Error.Assistance)
		}
		assert.Len(t, s.incidents(), 1)
	})
}

// A client that cannot ask has to bring what the dry run of this very call gave.
func TestConfirmationOfADryRun(t *testing.T) {
	asking(t, func(t *testing.T, revision string) {
		s := newScene(t)
		c := s.connect(revision, nil)
		refused := func(a args, why string) {
			t.Helper()
			g := c.call("isolateHost", a)
			assert.Equal(t, shared.Refused, g.Outcome, g.words)
			assert.Equal(t, shared.ApprovalRequired, g.Error.Code)
			assert.Contains(t, g.words, why)
			assert.True(t, g.isError)
		}
		dry := func(more args) string {
			t.Helper()
			g := c.call("isolateHost", isolate(more))
			require.Equal(t, shared.Planned, g.Outcome, g.words)
			require.NotEmpty(t, g.Confirmation)
			assert.Contains(t, g.words, g.Confirmation)
			return g.Confirmation
		}
		refused(isolate(nil), "brings no confirmation")
		refused(isolate(args{"confirmation": "invented"}), "no dry run gave this confirmation")
		for name, other := range map[string]args{
			"params": {"params": args{"action": 0}}, "host": {"targetHost": "PC-13"}, "name": {"targetHost": "pc-12.corp.example"},
			"lookup": {"hostLookup": "fqdn", "targetHost": "PC-12"}, "reason": {"reason": "x"}, "key": {"idempotencyKey": "k"},
		} {
			token := dry(args{"dryRun": true})
			other["confirmation"] = token
			refused(isolate(other), "for another call")
			refused(isolate(args{"confirmation": token}), "used already")
			require.Empty(t, s.incidents(), name)
		}
		token := dry(args{"dryRun": true})
		g := c.call("isolateHost", isolate(args{"confirmation": token, "wait": "submit", "timeout": "40s"}))
		assert.Equal(t, shared.Submitted, g.Outcome, g.words)
		refused(isolate(args{"confirmation": token}), "used already")
		assert.Len(t, s.incidents(), 1)
		// What changes nothing on a host needs none and takes none.
		scan := args{"targetHost": "PC-12", "params": samples(t)["onDemandScan"]}
		assert.Equal(t, shared.Submitted, c.call("onDemandScan", scan).Outcome)
		scan["confirmation"] = "x"
		assert.Equal(t, shared.BadRequest, c.call("onDemandScan", scan).Error.Code)
	})
}

// A dry run shows nobody a question, and what a person is asked about is
// confirmed by nobody else.
func TestAClientThatCanAskGetsNoConfirmation(t *testing.T) {
	s := newScene(t)
	c := s.connect(newest, says("decline", nil))
	g := c.call("isolateHost", isolate(args{"dryRun": true}))
	assert.Equal(t, shared.Planned, g.Outcome)
	assert.Empty(t, g.Confirmation)
	assert.Empty(t, c.asked)
	g = c.call("isolateHost", isolate(args{"confirmation": "x"}))
	assert.Equal(t, shared.Refused, g.Outcome)
	assert.Len(t, c.asked, 1)
	assert.Empty(t, s.incidents())
}

func TestConfirmNeverSendsAtOnceAndStillObeysThePolicy(t *testing.T) {
	s := newScene(t)
	config := filepath.Join(s.dir, "config.yaml")
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "policy.yaml"), []byte("deny:\n  - {name: no deletions, tasks: [deleteFile], reason: not here}\n"), 0o600))
	require.NoError(t, os.WriteFile(config, []byte("policy: policy.yaml\n"), 0o600))
	c := s.connect(newest, nil, "--confirm", "never", "--config", config)
	g := c.call("isolateHost", isolate(nil))
	assert.Equal(t, shared.Submitted, g.Outcome, g.words)
	g = c.call("isolateHost", isolate(args{"confirmation": "x"}))
	assert.Equal(t, shared.BadRequest, g.Error.Code, "there is nothing to confirm")
	g = c.call("isolateHost", isolate(nil))
	assert.NotEmpty(t, g.DuplicateOf)
	assert.Contains(t, g.words, "Not sent again")
	g = c.call("deleteFile", args{"targetHost": "PC-12", "params": samples(t)["deleteFile"]})
	assert.Equal(t, shared.Policy, g.Error.Code, g.words)
	assert.Contains(t, g.words, "not here")
	assert.True(t, g.isError)
	assert.Len(t, s.incidents(), 1)
	// With a question too: nobody is asked about what is forbidden.
	asked := s.connect(newest, agrees, "--config", config)
	g = asked.call("deleteFile", args{"targetHost": "PC-12", "params": samples(t)["deleteFile"]})
	assert.Equal(t, shared.Policy, g.Error.Code, g.words)
	assert.Empty(t, asked.asked)
}

func TestBadArgumentsAreRefusedByName(t *testing.T) {
	s := newScene(t)
	c := s.connect(newest, agrees)
	for _, b := range []struct {
		args any
		says string
	}{
		{nil, "/targetHost is required"},
		{args{}, "/params is required"},
		{json.RawMessage(`null`), "/params is required"},
		{isolate(args{"params": args{"action": "1"}}), "/params/action"},
		{isolate(args{"params": args{"action": true}}), "/params/action"},
		{isolate(args{"params": args{}}), "/params/action"},
		{isolate(args{"params": args{"action": 1, "force": true}}), "/params/force"},
		{isolate(args{"params": "{\"action\":1}"}), "/params"},
		{isolate(args{"params": nil}), "/params"},
		{isolate(args{"targetHost": 12}), "/targetHost"},
		{isolate(args{"targetHost": []string{"PC-12", "PC-13"}}), "/targetHost"},
		{isolate(args{"targetHost": ""}), "/targetHost"},
		{isolate(args{"targetHost": "{{.host}}"}), "/targetHost"},
		{isolate(args{"dryRun": "true"}), "/dryRun"},
		{isolate(args{"timeout": 60}), "/timeout"},
		{isolate(args{"timeout": "25h"}), "/timeout"},
		{isolate(args{"wait": "forever"}), "/wait"},
		{isolate(args{"hostLookup": "never"}), "/hostLookup"},
		{isolate(args{"confirmation": 7}), "/confirmation"},
		{isolate(args{"connection": args{"kscHost": "attacker.example"}}), "server and account are configured"},
		{isolate(args{"actor": "somebody else"}), "/actor"},
		{isolate(args{"allowDuplicate": true}), "/allowDuplicate"},
		{isolate(args{"task": "deleteFile"}), "/task"},
		{isolate(args{"type": "shutdown"}), "/type"},
		{isolate(args{"id": "x"}), "/id"},
		{isolate(args{"TargetHost": "PC-13"}), "/TargetHost"},
		{json.RawMessage(`{"targetHost":"PC-12","targetHost":"PC-13","params":{"action":1}}`), "twice"},
		{json.RawMessage(`{"targetHost":"PC-12","params":{"action":1,"action":0}}`), "twice"},
		{json.RawMessage(`[]`), "no object"},
		{isolate(args{"reason": strings.Repeat("x", shared.MaxRequestBytes)}), "are allowed"},
	} {
		g := c.call("isolateHost", b.args)
		assert.Equal(t, shared.Refused, g.Outcome, "%.200v", b.args)
		require.NotNil(t, g.Error, "%.200v", b.args)
		assert.Equal(t, shared.BadRequest, g.Error.Code, "%.200v", b.args)
		assert.Contains(t, g.words, b.says, "%.200v", b.args)
		assert.True(t, g.isError)
	}
	for host, code := range map[string]shared.Code{"NOBODY": shared.HostNotFound, "TWIN": shared.HostAmbiguous} {
		g := c.call("isolateHost", isolate(args{"targetHost": host}))
		assert.Equal(t, code, g.Error.Code, g.words)
		assert.True(t, g.isError)
	}
	assert.Empty(t, c.asked, "nobody is asked about what cannot be")
	assert.Empty(t, s.incidents())
	assert.Equal(t, shared.Submitted, c.call("isolateHost", isolate(nil)).Outcome, "and the session goes on")
}

func TestFortyCallsAtOnce(t *testing.T) {
	asking(t, func(t *testing.T, revision string) {
		s := newScene(t)
		c := s.connect(revision, agrees)
		var group sync.WaitGroup
		for i := range 40 {
			group.Go(func() {
				g := c.call("terminateProcess", args{"targetHost": "PC-13", "params": args{
					"path": fmt.Sprintf(`C:\tools\p%d.exe`, i), "md5hash": "", "sha256hash": "", "caseSensitive": false,
				}})
				assert.Equal(t, shared.Submitted, g.Outcome, g.words)
			})
		}
		group.Wait()
		assert.Len(t, s.incidents(), 40)
		assert.Len(t, c.asked, 40)
	})
}
