package journal

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// filled is an index in memory with so many pages of its table, nearly full.
func filled(t testing.TB, hashPages uint32, seed uint64) *index {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	sizes := firstSizes()
	sizes.hashPages = hashPages
	x := newIndex(sizes)
	x.desk = new(desk)
	draw := func() (h hash) {
		for i := range h {
			h[i] = byte(random.Uint32())
		}
		return h
	}
	for !x.crowded() {
		require.NoError(t, x.put(draw(), placeOf(1, random.Int64N(1<<30))))
	}
	for i := range int64(100) {
		require.NoError(t, x.addOpen(placeOf(1, i*1000)))
		require.NoError(t, x.hold(held{draw(), placeOf(1, i*1000), time.Now()}))
	}
	for range 10 {
		require.NoError(t, x.tally(draw(), 1, time.Now(), 1))
	}
	return x
}

// TestAnIndexThatGrowsInAFileIsAsInMemory, byte for byte: far more pages than the
// window holds, and where it was not empty before.
func TestAnIndexThatGrowsInAFileIsAsInMemory(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	x := filled(t, 4*8<<windowBits, seed)
	inMemory := func(sizes header) (*index, error) { return newIndex(sizes), nil }
	path := filepath.Join(t.TempDir(), "index")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	require.NoError(t, err)
	defer f.Close()
	for _, room := range []roomError{roomHash | roomOpen, roomGauge, roomHash | roomGauge, roomOpen} {
		want, err := x.grown(room, inMemory)
		require.NoError(t, err)
		got, err := x.grown(room, func(sizes header) (*index, error) { return newIndexIn(f, sizes) })
		require.NoError(t, err)
		require.Equal(t, want.header, got.header)
		require.NoError(t, want.saveHeader())
		require.NoError(t, got.saveHeader())
		require.NoError(t, got.pages.(*window).flush())
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		require.True(t, string(want.pages.(memory)) == string(data), "they differ")
	}
}

// BenchmarkGrow doubles an index of 8 MiB, which some 57,000 requests fill.
func BenchmarkGrow(b *testing.B) {
	x := filled(b, 16<<10, 1)
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "index"), os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(b, err)
	defer f.Close()
	for name, empty := range map[string]func(header) (*index, error){
		"memory": func(sizes header) (*index, error) { return newIndex(sizes), nil },
		"file":   func(sizes header) (*index, error) { return newIndexIn(f, sizes) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bigger, err := x.grown(roomHash|roomOpen, empty)
				require.NoError(b, err)
				if w, ok := bigger.pages.(*window); ok {
					require.NoError(b, w.flush())
				}
			}
		})
	}
}
