package secret

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMain is also the helper of these tests: what it does stands in its arguments.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "helper" {
		os.Exit(helper(os.Args[2]))
	}
	os.Exit(m.Run())
}

func helper(does string) int {
	fmt.Fprint(os.Stderr, hidden) // whatever it says there, nobody hears it
	verb, what, _ := strings.Cut(does, " ")
	switch verb {
	case "print":
		n, err := strconv.Atoi(what)
		if err != nil {
			return 90
		}
		fmt.Print(strings.Repeat("p", n) + "\r\n")
	case "fail":
		fmt.Println(hidden)
		return 3
	case "echo":
		said, err := io.ReadAll(os.Stdin)
		if err != nil {
			return 90
		}
		fmt.Printf("%s", said)
	case "hang":
		fmt.Println(hidden)
		select {}
	}
	return 0
}

func does(t *testing.T, what string) []string {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	return []string{program, "helper", what}
}

func TestAHelperPrintsThePassword(t *testing.T) {
	got, err := PrintedBy(t.Context(), does(t, "echo"), strings.NewReader("by standard input\n"))
	require.NoError(t, err)
	assert.Equal(t, "by standard input\n", string(got))
	got, err = PrintedBy(t.Context(), does(t, "echo"), nil)
	require.NoError(t, err, "without any input it reads the end of it at once")
	assert.Empty(t, got)
	got, err = PrintedBy(t.Context(), does(t, "print "+strconv.Itoa(MaxBytes)), nil)
	require.NoError(t, err, "the longest, and its line's end")
	assert.Len(t, got, MaxBytes+len("\r\n"))
	got, err = PrintedBy(t.Context(), does(t, "nothing; echo $HOME | cat"), nil)
	require.NoError(t, err, "no shell reads it")
	assert.Empty(t, got)
}

// TestAHelperThatFailsSaysNothingOfAPassword: not what it printed, not what it
// said, not how it was called.
func TestAHelperThatFailsSaysNothingOfAPassword(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for why, one := range map[string]struct {
		ctx  context.Context
		argv []string
	}{
		"it ended with exit status 3":          {t.Context(), does(t, "fail")},
		"it printed more than 4096 bytes":      {t.Context(), does(t, "print "+strconv.Itoa(MaxBytes+1))},
		"it cannot be run: no such file":       {t.Context(), []string{t.TempDir() + "/" + hidden}},
		"it cannot be run: executable file":    {t.Context(), []string{hidden}},
		"it did not end within":                {ended, does(t, "hang")},
		"it cannot be run: permission denied":  {t.Context(), []string{t.TempDir()}},
		"it printed more than 4096 bytes\x00x": {t.Context(), does(t, "print 1000000")},
	} {
		got, err := PrintedBy(one.ctx, one.argv, nil)
		require.Error(t, err, why)
		why, _, _ = strings.Cut(why, "\x00")
		assert.Contains(t, err.Error(), why)
		assert.NotContains(t, err.Error(), hidden)
		assert.Empty(t, got)
	}
}
