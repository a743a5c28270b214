package task

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkParse is the cost of one request's params, once its task has been
// asked for before.
func BenchmarkParse(b *testing.B) {
	for _, task := range All() {
		b.Run(task.Name, func(b *testing.B) {
			raw := task.Sample()
			_, found := task.Parse(raw)
			require.Empty(b, found)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				task.Parse(raw)
			}
		})
	}
}

// BenchmarkFirstParse adds what a process pays once for each task it is asked
// for: reading the schema and preparing it.
func BenchmarkFirstParse(b *testing.B) {
	for _, task := range All() {
		b.Run(task.Name, func(b *testing.B) {
			raw := task.Sample()
			b.ReportAllocs()
			for b.Loop() {
				fresh := *task
				fresh.checker = func() (*checker, error) { return newChecker(task.Schema()) }
				_, found := fresh.Parse(raw)
				if len(found) > 0 {
					b.Fatal(found)
				}
			}
		})
	}
}

// BenchmarkParseLargest is the dearest request that is taken: ten megabytes of
// indicators. Text alone packs to nothing, elements are what costs.
func BenchmarkParseLargest(b *testing.B) {
	task, ok := Lookup("iocScan")
	require.True(b, ok)
	for _, kind := range []struct {
		name, element string
	}{{"text", " "}, {"elements", "<a/>"}, {"attributes", `<a b="1" c="2" d="3"/>`}} {
		b.Run(kind.name, func(b *testing.B) {
			var entries []entry
			for i := range 5 {
				begin, end := fmt.Sprintf(`<ioc id="%d">`, i), "</ioc>"
				data := []byte(begin)
				for len(data)+len(kind.element)+len(end) <= maxIOCFile {
					data = append(data, kind.element...)
				}
				entries = append(entries, entry{name: fmt.Sprintf("%d.ioc", i), data: append(data, end...), method: 8})
			}
			text := base64.StdEncoding.EncodeToString(archive(b, entries...))
			raw, err := json.Marshal(map[string]any{"ioc": text, "isolateHost": false, "scanCriticalAreas": false, "quarantineObject": false})
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				_, found := task.Parse(raw)
				if len(found) > 0 {
					b.Fatal(found)
				}
			}
		})
	}
}

// BenchmarkBody is the incident's body of one request.
func BenchmarkBody(b *testing.B) {
	for _, task := range All() {
		b.Run(task.Name, func(b *testing.B) {
			p, found := task.Parse(task.Sample())
			require.Empty(b, found)
			b.ReportAllocs()
			for b.Loop() {
				Body(storyHost, task.Name, p.JSON(), storyArea)
			}
		})
	}
}
