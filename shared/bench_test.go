package shared_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// The request that everybody sends, and one as large as an IOC archive makes
// it: a megabyte of base64 in one string.
const smallRequest = `{"id":"7","task":"isolateHost","targetHost":"PC-12","params":{"action":1},"responseEventIncident":true,"responseEventIncidentArea":"KUMA"}`

func largeRequest() string {
	return `{"id":"7","task":"iocScan","targetHost":"PC-12","params":{"iocArchive":"` + strings.Repeat("UEsDBBQA", 1<<17) + `"}}`
}

func BenchmarkParseRequest(b *testing.B) {
	many := `{"id":"7","task":"onDemandScan","targetHost":"PC-12","params":[` +
		strings.Repeat(`{"type":22,"path":"C:\\Users\\a","enabled":true,"recursive":true},`, shared.MaxValues/5-2) + `{}]}`
	for name, line := range map[string]string{"small": smallRequest, "1MiB-text": largeRequest(), "most-members": many} {
		b.Run(name, func(b *testing.B) {
			data := []byte(line)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, refusal := shared.ParseRequest(data); refusal != nil {
					b.Fatal(refusal)
				}
			}
		})
	}
}

func BenchmarkEventLine(b *testing.B) {
	at := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	submitted := shared.Event{Time: at, ID: shared.IDOf("7"), Seq: 2, Result: &shared.Result{
		Outcome: shared.Submitted, Task: "isolateHost", TargetHost: "PC-12",
		Host:     &shared.Host{ID: "e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f", Name: "PC-12"},
		Incident: &shared.Incident{Server: "main", ID: "4711", AddedAt: &at},
		Message:  "KSC has stored the request", Undo: &shared.Undo{Task: "isolateHost", Params: []byte(`{"action":0}`)},
	}}
	long := submitted
	r := *submitted.Result
	r.Plan = &shared.Plan{Body: strings.Repeat("я", 1<<20)}
	long.Result = &r
	for name, e := range map[string]shared.Event{"result": submitted, "body-left-out": long} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, err := shared.EventLine(e)
				require.NoError(b, err)
			}
		})
	}
}
