package secret

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hidden is a password that no error may quote.
const hidden = "Hidden1"

func TestOneLineIsThePassword(t *testing.T) {
	for text, want := range map[string]string{
		"p": "p", "p\n": "p", "p\r\n": "p", "\ufeffp\n": "p", " p \n": " p ", "\tp": "\tp", "p\u2028q\n": "p\u2028q", `p"%41\n` + "\n": `p"%41\n`, "пароль\n": "пароль",
		strings.Repeat("p", MaxBytes) + "\r\n": strings.Repeat("p", MaxBytes),
	} {
		got, err := In("the file", []byte(text), nil)
		require.NoError(t, err, "%q", text)
		assert.Equal(t, want, got, "%q", text)
	}
}

// TestWhatCannotBeMeantIsRefused: KSC would lock the account after a few of them.
func TestWhatCannotBeMeantIsRefused(t *testing.T) {
	utf16 := "\xff\xfe" + strings.Join(strings.Split(hidden, ""), "\x00") + "\x00"
	for text, why := range map[string]string{
		"": "is empty", "\n": "is empty", "\r\n": "is empty", "\ufeff\n": "is empty",
		hidden + "\n\n": "must be one line", hidden + "\nmore\n": "must be one line", hidden + "\r\r\n": "must be one line", "\n" + hidden: "must be one line", hidden + "\x00": "must be one line",
		hidden + "\xff": "is not UTF-8", utf16: "is not UTF-8",
		hidden + strings.Repeat("p", MaxBytes+1-len(hidden)): "is longer than 4096 bytes",
	} {
		_, err := In("the file", []byte(text), nil)
		require.ErrorContains(t, err, why, "%q", text)
		assert.True(t, strings.HasPrefix(err.Error(), "the file: "), err.Error())
		assert.NotContains(t, err.Error(), hidden)
	}
	assert.Error(t, Check("the environment", ""))
	assert.NoError(t, Check("the environment", hidden))
}

// TestTheNameOfAFileIsNotSaid: people put the password in its place.
func TestTheNameOfAFileIsNotSaid(t *testing.T) {
	_, missing := os.ReadFile(filepath.Join(t.TempDir(), hidden))
	got, err := In("kscPasswordFile", []byte("read before it failed"), missing)
	assert.ErrorIs(t, err, fs.ErrNotExist)
	assert.NotContains(t, err.Error(), hidden)
	assert.Empty(t, got)
	_, err = In("kscPasswordCommand", nil, errors.New("it cannot be run"))
	assert.EqualError(t, err, "kscPasswordCommand: it cannot be run")
}
