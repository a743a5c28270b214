package plugin_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestTheWireIsTheVendors sends what the vendor's client was recorded to
// send, and compares outer and inner JSON, the time aside.
func TestTheWireIsTheVendors(t *testing.T) {
	compared := 0
	for _, want := range recordedAdds(t) {
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, ksctest.Options{})
			var body struct{ TargetHost, Task, ResponseEventIncidentArea string }
			require.NoError(t, json.Unmarshal([]byte(want), &body))
			line := strings.Replace(want, "{", `{"hostLookup":"never",`, 1)
			_, result := p.send(t, line)
			require.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
			var add, update struct {
				NID   int64                      `json:"nId"`
				PData map[string]json.RawMessage `json:"pData"`
			}
			for _, c := range p.ksc.Calls() {
				switch {
				case strings.HasSuffix(c.Path, "AddIncident"):
					assert.NotRegexp(t, `[^\x00-\x7f]`, string(c.Body))
					require.NoError(t, json.Unmarshal([]byte(c.Body), &add))
				case strings.HasSuffix(c.Path, "UpdateIncident"):
					require.NoError(t, json.Unmarshal([]byte(c.Body), &update))
				}
			}
			var inner string
			require.NoError(t, json.Unmarshal(add.PData["KLINCDT_BODY"], &inner))
			assert.JSONEq(t, want, inner)
			assert.NotRegexp(t, `[^\x20-\x7e]`, inner)
			assert.JSONEq(t, `2`, string(add.PData["KLINCDT_SEVERITY"]))
			assert.JSONEq(t, `"`+body.TargetHost+`"`, string(add.PData["KLHST_WKS_HOSTNAME"]))
			assert.JSONEq(t, `{"type":"datetime","value":"`+time.Now().UTC().Format("2006-01-02T15:04:05Z")+`"}`, string(add.PData["KLINCDT_ADDED"]))
			assert.Len(t, add.PData, 4)
			assert.JSONEq(t, `false`, string(update.PData["KLINCDT_IS_HANDLED"]))
			assert.JSONEq(t, `"`+body.TargetHost+`"`, string(update.PData["KLHST_WKS_HOSTNAME"]))
			assert.Len(t, update.PData, 2)
			compared++
		})
	}
	assert.GreaterOrEqual(t, compared, 2)
}

// recordedAdds are the incident bodies of recorded traffic where it is at
// hand, and two written from the help page where it is not.
func recordedAdds(t *testing.T) []string {
	f, err := os.Open(filepath.Join("..", "..", "shared", "captures", "klakoapi-wire.jsonl"))
	if err != nil {
		return []string{
			`{"targetHost": "h", "task": "isolateHost", "params": {"action": 1}, "responseEventIncident": true, "responseEventIncidentArea": "Kuma"}`,
			`{"targetHost": "h", "task": "onDemandScan", "params": [{"enabled": true, "path": "C:\\Temp", "recursive": true, "type": 22}], "responseEventIncident": true, "responseEventIncidentArea": "Kuma"}`,
		}
	}
	defer f.Close()
	var bodies []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var record struct{ Path, Body string }
		require.NoError(t, json.Unmarshal(lines.Bytes(), &record))
		if !strings.HasSuffix(record.Path, "AddIncident") {
			continue
		}
		var call struct {
			PData struct {
				Body string `json:"KLINCDT_BODY"`
			} `json:"pData"`
		}
		require.NoError(t, json.Unmarshal([]byte(record.Body), &call))
		bodies = append(bodies, call.PData.Body)
	}
	require.NoError(t, lines.Err())
	require.Len(t, bodies, 9)
	return bodies
}

// TestAnyTextArrives sends arbitrary text as an argument and reads it back
// from what the emulator stored.
func TestAnyTextArrives(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.String().Filter(func(s string) bool {
			return !strings.ContainsAny(s, "\x00\uFFFD") && !strings.Contains(s, "{{.") && !strings.Contains(s, "<no value>")
		}).Draw(rt, "arguments")
		text = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return '\t'
			}
			return r
		}, text) + "Ж\"\\\t😀\u2028"
		synctest.Test(t, func(t *testing.T) {
			p := newPair(t, ksctest.Options{})
			line, err := json.Marshal(map[string]any{
				"task": "startProcess", "targetHost": hostID, "hostLookup": "never",
				"params": map[string]string{"executablePath": `C:\x.exe`, "arguments": text},
			})
			require.NoError(t, err)
			_, result := p.send(t, string(line))
			require.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
			var body struct{ Params struct{ Arguments string } }
			require.NoError(t, json.Unmarshal([]byte(p.ksc.Incidents()[0].Body), &body))
			require.Equal(t, text, body.Params.Arguments)
		})
	})
}
