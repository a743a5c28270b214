package jsonl_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

func nothing(shared.Event) {}

func BenchmarkDirect(b *testing.B) {
	r, far := ask("a"), shared.Responder(done())
	b.ReportAllocs()
	for b.Loop() {
		if far.Respond(b.Context(), r, nothing).Outcome != shared.Submitted {
			b.Fatal("not submitted")
		}
	}
}

// BenchmarkServe is one request at a time: a line in, its accepted and result
// out, before the next.
func BenchmarkServe(b *testing.B) {
	in, w := io.Pipe()
	told := make(chan struct{}, 1)
	served := newServed()
	go func() { served <- jsonl.Serve(b.Context(), done(), in, resultsTo(told), jsonl.Options{}) }()
	line := []byte(good + "\n")
	b.ReportAllocs()
	for b.Loop() {
		w.Write(line)
		<-told
	}
	w.Close()
	<-served
}

type resultsTo chan struct{}

func (c resultsTo) Write(p []byte) (int, error) {
	if bytes.HasPrefix(p, []byte(`{"type":"result"`)) {
		c <- struct{}{}
	}
	return len(p), nil
}

func BenchmarkClient(b *testing.B) {
	for name, kind := range map[string]stream{"memory": inMemory, "pipes": ofSystem(b)} {
		b.Run(name, func(b *testing.B) {
			l := connect(b, kind, done(), jsonl.Options{})
			r := ask("a")
			b.ReportAllocs()
			for b.Loop() {
				if l.Respond(b.Context(), r, nothing).Outcome != shared.Submitted {
					b.Fatal("not submitted")
				}
			}
			l.Close(b.Context())
			<-l.served
		})
	}
}

// BenchmarkServeThroughput is many lines without a pause.
func BenchmarkServeThroughput(b *testing.B) {
	const lines = 10_000
	data := []byte(strings.Repeat(strings.Replace(good, `"id":"good",`, "", 1)+"\n", lines))
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if err := jsonl.Serve(b.Context(), done(), bytes.NewReader(data), io.Discard, jsonl.Options{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkServeLongLine is one request of 16 MiB.
func BenchmarkServeLongLine(b *testing.B) {
	head, tail := `{"task":"iocScan","targetHost":"h","params":{"ioc":"`, `"}}`
	data := []byte(head + strings.Repeat("x", shared.MaxRequestBytes-len(head)-len(tail)) + tail)
	fake := &sharedtest.Fake{OnRespond: func(context.Context, shared.Request, func(shared.Event)) shared.Result {
		return shared.Result{Outcome: shared.Submitted}
	}}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		jsonl.Serve(b.Context(), fake, bytes.NewReader(data), io.Discard, jsonl.Options{})
	}
}
