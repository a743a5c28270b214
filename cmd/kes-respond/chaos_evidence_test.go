//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/journal"
)

// evidence is all that is left when the chaos is over.
type evidence struct {
	incidents map[string][]int64        // in KSC's state, by mark
	hosts     map[int64]string          // of those incidents
	adds      map[string][]call         // AddIncidents in KSC's record, by mark
	updates   map[int64][]call          // UpdateIncidents there, by incident
	claims    map[string]journal.Record // in the ledger, by key
	lines     map[uint64][]ledgerLine   // in the ledger's files, by claim
	drops     []time.Time               // when KSC dropped a connection that it had answered on
	asked     int
	blamed    int // requests with which something is wrong

	calls                  int
	mischief, heard, known map[string]int
}

// call is a line of KSC's record.
type call struct {
	Time       time.Time
	Conn       int
	Path, Body string
	Status     int
	Response   string
	Mischief   []string
	Incomplete bool
}

func (c call) String() string {
	return fmt.Sprintf("%s conn %d %s: status %d, %.80s, mischief %v, incomplete %t",
		c.Time.Format(time.TimeOnly+".000"), c.Conn, c.Path, c.Status, c.Response, c.Mischief, c.Incomplete)
}

// ledgerLine is a line of the ledger, as far as it is needed here.
type ledgerLine struct {
	Seq, Of   uint64
	At        time.Time
	Event, By string
	raw       string
}

// pid is the process that wrote it.
func (l ledgerLine) pid() int {
	n, _, _ := strings.Cut(l.By, "-")
	pid, _ := strconv.Atoi(n) // 0 where there is none
	return pid
}

func (c *chaos) evidence() *evidence {
	e := &evidence{
		incidents: map[string][]int64{}, hosts: map[int64]string{}, adds: map[string][]call{}, updates: map[int64][]call{},
		claims: map[string]journal.Record{}, lines: map[uint64][]ledgerLine{},
		mischief: map[string]int{}, heard: map[string]int{}, known: map[string]int{},
	}
	c.readState(e)
	eachLine(c.t, c.ksc.at.record, func(line []byte) { c.readCall(e, line) })
	c.readLedger(e)
	return e
}

func (c *chaos) readState(e *evidence) {
	var state struct {
		Incidents []struct {
			ID   int64  `json:"KLINCDT_ID"`
			Body string `json:"KLINCDT_BODY"`
			Host string `json:"KLHST_WKS_HOSTNAME"`
		} `json:"incidents"`
	}
	text, err := os.ReadFile(filepath.Join(c.ksc.dir, "state.json"))
	require.NoError(c.t, err)
	require.NoError(c.t, json.Unmarshal(text, &state))
	for _, i := range state.Incidents {
		mark := markOf(i.Body)
		e.incidents[mark] = append(e.incidents[mark], i.ID)
		e.hosts[i.ID] = i.Host
	}
}

func (c *chaos) readCall(e *evidence, line []byte) {
	var one call
	require.NoError(c.t, json.Unmarshal(line, &one))
	e.calls++
	for _, name := range one.Mischief {
		e.mischief[name]++
		if name == "drop-after-answer" {
			e.drops = append(e.drops, one.Time)
		}
	}
	var body struct {
		ID   int64 `json:"nId"`
		Data struct {
			Body string `json:"KLINCDT_BODY"`
		} `json:"pData"`
	}
	_, method, _ := strings.Cut(one.Path, "HostGroup.")
	if json.Unmarshal([]byte(one.Body), &body) != nil {
		return // not written to its end
	}
	switch method {
	case "AddIncident":
		mark := markOf(body.Data.Body)
		e.adds[mark] = append(e.adds[mark], one)
	case "UpdateIncident":
		e.updates[body.ID] = append(e.updates[body.ID], one)
	}
}

// readLedger has the program list and prove its ledger, and looks into the
// files for what may not stand there.
func (c *chaos) readLedger(e *evidence) {
	for line := range bytes.Lines(c.ours("journal", "--output", "json", "--limit", "0")) {
		var r journal.Record
		require.NoError(c.t, json.Unmarshal(line, &r))
		if r.DuplicateOf != 0 || !r.Allowed {
			continue
		}
		_, twice := e.claims[r.IdempotencyKey]
		assert.False(c.t, twice, "two claims under %s", r.IdempotencyKey)
		e.claims[r.IdempotencyKey] = r
	}
	var proof journal.Proof
	require.NoError(c.t, json.Unmarshal(c.ours("journal", "verify", "--output", "json"), &proof))
	assert.Empty(c.t, proof.Flaws)
	assert.Positive(c.t, proof.Heads, "nothing went to the anchor")
	require.NoError(c.t, filepath.WalkDir(c.ksc.at.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, secret := range []string{chaosPassword, chaosArgument} {
			assert.False(c.t, bytes.Contains(text, []byte(secret)), "%s holds %s", path, secret)
		}
		return err
	}))
	files, err := filepath.Glob(filepath.Join(c.ksc.at.state, "ledger", "ledger-*.jsonl"))
	require.NoError(c.t, err)
	for _, file := range files {
		eachLine(c.t, file, func(line []byte) {
			l := ledgerLine{raw: string(line) + "\n"}
			require.NoError(c.t, json.Unmarshal(line, &l))
			claim := l.Of
			if l.Event == string(journal.Claimed) {
				claim = l.Seq
			}
			e.lines[claim] = append(e.lines[claim], l)
		})
	}
}

// ours runs the program, which has to succeed, and gives what it said.
func (c *chaos) ours(args ...string) []byte {
	cmd := exec.Command(c.binary, args...)
	cmd.Env = append(c.ksc.at.environment(), "KES_RESPOND_CONFIG="+c.config)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(c.t, err, "%v: %s", args, out)
	return out
}

func eachLine(t require.TestingT, path string, do func([]byte)) {
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 32<<20)
	for lines.Scan() {
		do(lines.Bytes())
	}
	require.NoError(t, lines.Err())
}

// markOf reads the mark of a body as the protocol describes it: 64 blanks and
// tabs after the first brace, the highest bit first.
func markOf(body string) string {
	if len(body) < 65 || strings.Trim(body[1:65], " \t") != "" {
		return "none: " + body
	}
	var n uint64
	for _, b := range body[1:65] {
		n <<= 1
		if b == '\t' {
			n |= 1
		}
	}
	return fmt.Sprintf("%016x", n)
}
