package prompt_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/prompt"
	"github.com/kes-respond/kes-respond/shared"
)

func code(t *testing.T, err error) int {
	t.Helper()
	end, is := errors.AsType[*exit.Error](err)
	require.True(t, is, "%v", err)
	return end.Code
}

// TestOnlyAYesIsAYes, and where nothing can be typed any more nobody has answered. A
// word that is neither is asked about: in another language it may have been a yes.
func TestOnlyAYesIsAYes(t *testing.T) {
	for typed, want := range map[string]bool{
		"y\n": true, "yes\n": true, " YES \r\n": true, "y": true,
		"\n": false, "n\n": false, " No \n": false,
	} {
		var out strings.Builder
		sure, err := prompt.New(strings.NewReader(typed), &out).Yes(t.Context(), "Sure?")
		require.NoError(t, err, "%q", typed)
		assert.Equal(t, want, sure, "%q", typed)
		assert.Equal(t, "Sure? [y/N] ", out.String())
	}
	for _, typed := range []string{"yep\n", "yes please\n", "\x00y\n", "да\n", "hunter2\n"} {
		var out strings.Builder
		sure, err := prompt.New(strings.NewReader(typed+"y\n"), &out).Yes(t.Context(), "Sure?")
		require.NoError(t, err, "%q", typed)
		assert.True(t, sure, "%q", typed)
		assert.Equal(t, "Sure? [y/N]   answer y or n\nSure? [y/N] ", out.String(), "and what was typed is not said again")
		sure, err = prompt.New(strings.NewReader(strings.Repeat(typed, 3)+"y\n"), io.Discard).Yes(t.Context(), "Sure?")
		assert.False(t, sure, "%q", typed)
		assert.Equal(t, shared.ExitUsage, code(t, err))
		sure, err = prompt.New(strings.NewReader(typed), io.Discard).Yes(t.Context(), "Sure?")
		assert.False(t, sure, "%q", typed)
		assert.Equal(t, shared.ExitCancelled, code(t, err))
	}
	sure, err := prompt.New(strings.NewReader(""), io.Discard).Yes(t.Context(), "Sure?")
	assert.False(t, sure)
	assert.Equal(t, shared.ExitCancelled, code(t, err))
}

// TestALineIsAskedForThreeTimes and each wrong answer is told apart from a question.
func TestALineIsAskedForThreeTimes(t *testing.T) {
	short := func(text string) error {
		if len(text) > 3 {
			return errors.New("is too long:\x1b " + text)
		}
		return nil
	}
	var out strings.Builder
	q := prompt.New(strings.NewReader("long one\nlonger\n ok \n\n"), &out)
	got, err := q.Line(t.Context(), "Word", "", short)
	require.NoError(t, err)
	assert.Equal(t, "ok", got)
	assert.Equal(t, "Word:   is too long:\uFFFD long one\nWord:   is too long:\uFFFD longer\nWord: ", out.String())
	got, err = q.Line(t.Context(), "Word", "abc", short)
	require.NoError(t, err)
	assert.Equal(t, "abc", got, "an empty line is what was suggested")

	_, err = prompt.New(strings.NewReader("long\nlong\nlong\nok\n"), io.Discard).Line(t.Context(), "Word", "", short)
	assert.Equal(t, shared.ExitUsage, code(t, err))
	require.EqualError(t, err, "not answered: nothing was sent or written")
}

// TestWhoInterruptsNeedNotAnswer although nothing more is ever typed.
func TestWhoInterruptsNeedNotAnswer(t *testing.T) {
	in, typing := io.Pipe()
	defer typing.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := prompt.New(in, io.Discard).Yes(ctx, "Sure?")
	assert.Equal(t, shared.ExitCancelled, code(t, err))
}

// TestASecretNeedsATerminal else it would be shown as it is typed.
func TestASecretNeedsATerminal(t *testing.T) {
	var out strings.Builder
	_, err := prompt.New(strings.NewReader("demo-only\n"), &out).Secret(t.Context(), "Password", func(string) error { return nil })
	require.ErrorContains(t, err, "no terminal")
	assert.Empty(t, out.String())
}
