//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// evidence is all that is left when the chaos is over.
type evidence struct {
	incidents map[string][]int64        // in KSC's state, by nonce
	written   map[string]int            // AddIncidents that KSC read whole, by nonce
	claims    map[string]journal.Record // in the ledger, by key
}

// check holds them against each other.
func (c *chaos) check() {
	e := c.evidence()
	owners := map[string]string{}
	for key, r := range e.claims {
		owners[r.Nonce] = key
		c.known[string(r.Outcome)]++
		c.checkClaim(e, r)
	}
	for nonce, ids := range e.incidents {
		assert.NotEmpty(c.t, owners[nonce], "incidents %v are known to nobody", ids)
	}
	for key, results := range c.said {
		for _, r := range results {
			if r.result != nil {
				c.checkResult(e, e.claims[key], r)
			}
		}
	}
	if c.t.Failed() {
		c.t.Log("look at the ledger and the record in the test's directory; it is kept where -test.artifacts says, or run with the seed again")
	}
}

// checkClaim: at most one incident for a key, none without a record, and each
// outcome as KSC's state and record bear it out.
func (c *chaos) checkClaim(e evidence, r journal.Record) {
	held := e.incidents[r.Nonce]
	story := func() string {
		text, _ := json.Marshal(r)
		return fmt.Sprintf("%s\nincidents %v, AddIncident read by KSC %d times, heard: %s", text, held, e.written[r.Nonce], c.story(r.IdempotencyKey))
	}
	if len(held) > 1 {
		assert.Fail(c.t, "carried out twice", story())
	}
	switch r.Outcome {
	case shared.Submitted, shared.Pending:
		assert.Equal(c.t, []int64{r.Incident}, held, "%s", story())
	case shared.Failed, shared.Cancelled:
		assert.Empty(c.t, held, "said not to have happened: %s", story())
	case shared.Unknown:
		assert.Empty(c.t, held, "recover would have found it: %s", story())
		if e.written[r.Nonce] == 0 {
			assert.True(c.t, c.doomed[r.PID], "nothing was written, and its process lived: %s", story())
		}
	default:
		assert.Fail(c.t, "without an end: "+string(r.Outcome), story())
	}
}

// checkResult: what a caller heard is what the ledger has in the end, save that
// what was not known then may be known now.
func (c *chaos) checkResult(e evidence, r journal.Record, heard chaosResult) {
	o := heard.result.Outcome
	story := func() string {
		text, _ := json.Marshal(heard.result)
		return string(text) + "\n" + c.story(heard.order.key)
	}
	switch o {
	case shared.Refused:
		assert.NotEqual(c.t, shared.Journal, heard.result.Error.Code, "%s", story())
	case shared.Submitted:
		assert.Equal(c.t, fmt.Sprint(r.Incident), heard.result.Incident.ID, "%s", story())
		assert.Equal(c.t, shared.Submitted, r.Outcome, "%s", story())
	case shared.Failed, shared.Cancelled:
		// Its key may not even be in the ledger: KSC could not be asked before.
		if r.Seq != 0 && heard.result.Host != nil {
			assert.Equal(c.t, o, r.Outcome, "%s", story())
		}
	case shared.Unknown, shared.Pending:
		assert.NotZero(c.t, r.Seq, "%s", story())
	default:
		assert.Fail(c.t, "an outcome that has no place here", story())
	}
}

func (c *chaos) story(key string) string {
	var b strings.Builder
	for _, r := range c.said[key] {
		text, _ := json.Marshal(r.result)
		fmt.Fprintf(&b, "\n  process %d, lived %t, request %s: %s", r.pid, r.lived, r.order.id, text)
	}
	return b.String()
}

func (c *chaos) evidence() evidence {
	e := evidence{map[string][]int64{}, map[string]int{}, map[string]journal.Record{}}
	var state struct {
		Incidents []struct {
			ID   int64  `json:"KLINCDT_ID"`
			Body string `json:"KLINCDT_BODY"`
		} `json:"incidents"`
	}
	text, err := os.ReadFile(filepath.Join(c.ksc.dir, "state.json"))
	require.NoError(c.t, err)
	require.NoError(c.t, json.Unmarshal(text, &state))
	for _, i := range state.Incidents {
		e.incidents[markOf(i.Body)] = append(e.incidents[markOf(i.Body)], i.ID)
	}
	c.readRecord(e)
	c.readLedger(e)
	return e
}

// readRecord counts the orders that KSC has read to their end.
func (c *chaos) readRecord(e evidence) {
	f, err := os.Open(c.ksc.at.record)
	require.NoError(c.t, err)
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 32<<20)
	for lines.Scan() {
		var call struct{ Path, Body string }
		require.NoError(c.t, json.Unmarshal(lines.Bytes(), &call))
		if !strings.HasSuffix(call.Path, "AddIncident") {
			continue
		}
		var body struct {
			Data struct {
				Body string `json:"KLINCDT_BODY"`
			} `json:"pData"`
		}
		if json.Unmarshal([]byte(call.Body), &body) == nil {
			e.written[markOf(body.Data.Body)]++
		}
	}
	require.NoError(c.t, lines.Err())
}

// readLedger proves the ledger and reads the claims.
func (c *chaos) readLedger(e evidence) {
	dir := filepath.Join(c.ksc.at.state, "ledger")
	j, err := journal.Open(c.t.Context(), dir, journal.Options{ReadOnly: true})
	require.NoError(c.t, err)
	defer j.Close()
	proof, err := j.Verify(c.t.Context(), nil)
	require.NoError(c.t, err)
	require.Empty(c.t, proof.Flaws)
	for r, err := range j.Records(c.t.Context(), journal.Filter{}) {
		require.NoError(c.t, err)
		if r.DuplicateOf == 0 && r.Allowed {
			_, twice := e.claims[r.IdempotencyKey]
			require.False(c.t, twice, "two claims under %s", r.IdempotencyKey)
			e.claims[r.IdempotencyKey] = r
		}
	}
	require.NoError(c.t, filepath.WalkDir(c.ksc.at.state, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, secret := range []string{"demo-only", "hunter2"} {
			assert.False(c.t, bytes.Contains(text, []byte(secret)), "%s holds %s", path, secret)
		}
		return err
	}))
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
