//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/policyfile"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/rpc"
)

// direct asks the plugin itself, as a Go program does that reads lines.
func (r *hostileRun) direct() {
	trust, err := ksc.ParseTrust(r.ksc.CertificatePEM())
	require.NoError(r.t, err)
	policy, err := policyfile.Read("", r.policy())
	require.NoError(r.t, err)
	p, err := plugin.New(r.t.Context(), plugin.Config{
		Version: "test", Policy: policy.Now, Servers: map[string]ksc.Config{"default": {
			Addr: net.JoinHostPort(r.at.host, r.at.port), User: "edr-operator", Password: emulatorPassword, Trust: trust, Dial: r.ksc.Dial,
		}},
		Ledger: func(ctx context.Context) (*journal.Journal, error) {
			return journal.Open(ctx, filepath.Join(r.at.state, "ledger"), journal.Options{User: "tester", PID: os.Getpid()})
		},
	})
	require.NoError(r.t, err)
	r.each(16, func(a ask) {
		request, refusal := shared.ParseRequest([]byte(a.line()))
		switch {
		case refusal != nil && request.ID == "":
			r.heard(a.number, answer{problem: &shared.Problem{Code: refusal.Code, Message: refusal.Message, Assistance: refusal.Assistance}})
		case refusal != nil:
			r.heard(a.number, answer{result: &shared.Result{Outcome: shared.Refused, Error: refusal, Message: refusal.Message}})
		default:
			result := p.Respond(r.t.Context(), request, func(shared.Event) {})
			r.heard(a.number, answer{result: &result})
		}
	})
	require.NoError(r.t, p.Close(r.t.Context()))
}

// lines asks a process that serves JSON lines, all it takes at once.
func (r *hostileRun) lines() {
	cmd := exec.Command(r.program, "serve")
	cmd.Env = append(r.at.environment(), "KES_RESPOND_CONFIG="+r.config)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe()
	require.NoError(r.t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(r.t, err)
	require.NoError(r.t, cmd.Start())
	byID, byLine := map[shared.ID]int{}, map[int64]int{}
	for _, a := range r.asks {
		id := shared.IDOf("id-" + strconv.Itoa(a.number))
		if a.field == "id" {
			id = shared.IDOf(a.value.text)
		}
		byID[id] = a.number
	}
	go func() {
		defer in.Close()
		for _, a := range r.asks {
			if _, err := io.WriteString(in, a.line()+"\n"); err != nil {
				return
			}
		}
	}()
	line := int64(0)
	for _, a := range r.asks { // a value that breaks its line makes several of it
		for range 1 + strings.Count(a.line(), "\n") {
			line++
			byLine[line] = a.number
		}
	}
	for events := bufio.NewReader(out); ; {
		text, err := events.ReadBytes('\n')
		if err == io.EOF {
			break
		}
		require.NoError(r.t, err)
		r.event(text, byID, byLine)
	}
	require.NoError(r.t, cmd.Wait(), "%.2000s", errs.String())
	ours(r.t, errs.Bytes(), "time=", "kes-respond: ")
}

func (r *hostileRun) event(text []byte, byID map[shared.ID]int, byLine map[int64]int) {
	var e shared.Event
	require.NoError(r.t, json.Unmarshal(text, &e), "%.500q", text)
	require.Empty(r.t, bytes.Trim(text[:len(text)-1], printableASCII), "%.500q", text)
	switch {
	case e.Result != nil:
		number, ok := byID[e.ID]
		require.True(r.t, ok, "an answer to nobody: %.500s", text)
		r.heard(number, answer{result: e.Result})
	case e.Problem != nil:
		number, ok := byLine[e.Problem.Line]
		require.True(r.t, ok, "an answer to nobody: %.500s", text)
		r.heard(number, answer{problem: e.Problem})
	}
}

// printableASCII is all that a line of JSON of ours is made of.
var printableASCII = func() string {
	var b strings.Builder
	for c := byte(' '); c < 0x7f; c++ {
		b.WriteByte(c)
	}
	return b.String()
}()

// plugin asks a process that is a go-plugin plugin, as a host that has checked
// nothing.
func (r *hostileRun) plugin() {
	var log bytes.Buffer
	cmd := exec.Command(r.program)
	cmd.Env = append(r.at.environment(), "KES_RESPOND_CONFIG="+r.config)
	client, err := rpc.Launch(r.t.Context(), cmd, rpc.LaunchOptions{Log: hclog.New(&hclog.LoggerOptions{Output: &log, Level: hclog.Trace})})
	require.NoError(r.t, err)
	r.each(16, func(a ask) {
		result := client.Respond(r.t.Context(), a.request(), func(shared.Event) {})
		r.heard(a.number, answer{result: &result})
	})
	require.NoError(r.t, client.Close(r.t.Context()))
	ours(r.t, log.Bytes(), "20")
}

// commands starts a process for each request that a command line can say.
func (r *hostileRun) commands() {
	r.each(2, func(a ask) {
		args, ok := a.flags()
		if !ok {
			r.heard(a.number, answer{said: "cannot be said"})
			return
		}
		form := []string{"json", "text"}[a.number/2%2]
		cmd := exec.Command(r.program, append(args, "--output", form)...)
		cmd.Env = append(r.at.environment(), "KES_RESPOND_CONFIG="+r.config)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		err := cmd.Run()
		got := answer{said: out.String() + errs.String(), code: cmd.ProcessState.ExitCode()}
		assert.Equal(r.t, got.code == 0, err == nil)
		for line := range bytes.Lines(out.Bytes()) {
			var e shared.Event
			if form == "json" && assert.NoError(r.t, json.Unmarshal(line, &e), "%q", line) && e.Result != nil {
				got.result = e.Result
			}
		}
		ours(r.t, errs.Bytes(), "kes-respond: ", "Nothing was sent. ", "  ")
		if form == "text" {
			ours(r.t, out.Bytes(), "accepted: ", "incident: ", "warning: ", "submitted: ", "refused: ", "failed: ", "  ")
		}
		r.heard(a.number, got)
	})
}
