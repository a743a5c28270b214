package printable

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNothingMovesTheCursorOrTurnsTheText(t *testing.T) {
	assert.Equal(t, "Größe 路径 C:\\x", Text("Größe 路径 C:\\x"))
	for _, s := range []string{"\x1b[2J", "a\nb", "a\rb", "a\x00b", "a\u202eb", "a\u2028b", "a\u200bb", "a\u0085b"} {
		shown := Text(s)
		assert.Contains(t, shown, "\uFFFD", "%q", s)
		assert.NotEqual(t, s, shown, "%q", s)
		assert.Equal(t, len([]rune(s)), len([]rune(shown)), "%q: a mark stands for each", s)
	}
}

func TestLaterLinesAreSetIn(t *testing.T) {
	assert.Equal(t, "a\n  kes-respond: b\n  c", Lines(errors.New("a\nkes-respond: b\n  c")))
	assert.Equal(t, "a\uFFFD", Lines(errors.New("a\r")))
}
