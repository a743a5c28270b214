package strict

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// hidden is a value that no error may quote.
const hidden = "Hidden1"

// settings are as much of a configuration as these tests look at.
type settings struct {
	Host string `json:"kscHost"`
	Port any    `json:"kscPort"`
	User string `json:"kscUser"`
}

func parsed(text string) (got settings, err error) {
	err = Parse("f.yaml", []byte(text), "config", &got, func() ([]shared.Violation, error) { return nil, nil })
	return got, err
}

func TestWhatIsReadIsWhatStandsThere(t *testing.T) {
	got, err := parsed("# why it is YAML\nkscHost: ksc.example\nkscPort: 13300 # not the usual one\nkscUser: \"yes\"\n")
	require.NoError(t, err)
	assert.Equal(t, settings{"ksc.example", 13300.0, "yes"}, got)
	for _, nothing := range []string{"", "\n", "# only words\n", "---\n", "--- # and words\n...\n", "null\n", "\ufeff"} {
		got, err := parsed(nothing)
		assert.NoError(t, err, "%q", nothing)
		assert.Zero(t, got, "%q", nothing)
	}
}

// TestNoValueThatAPersonMayMistakeIsQuoted: what was meant to be a password may
// begin with any character, and YAML has a meaning for many of them.
func TestNoValueThatAPersonMayMistakeIsQuoted(t *testing.T) {
	for _, form := range []string{
		"%s", "!%s", "!!%s", "!<%s>", "!<!%s", "!a!%s", "!%s x", "!%s {a: b}", "!%s [a]", "!%s:x", "!%s,", "! %s", "!!bool %s", "!!int %s", "!!float %s",
		"!!null %s", "!!map %s", "!!seq [%s]", "!!binary %s", "!!timestamp %s", "&%s", "&%s x", "&%s {a: b}", "*%s", "%%%s", "@%s", "`%s", "'%s", "\"%s", "\"\\%s\"", "#%s",
		"[%s", "{%s", "{%s}", "[%s]", "{a: %s}", "| %s", ">%s", "|\n  %s", "? %s", "- %s", ": %s", "a: %s", "%s: ", "<<: *%s", "{<<: %s}", "013%s", "0x%s", "1e999 #%s", ".inf #%s",
		"%s\x00", "%s\xff", "\ufeff%s",
	} {
		for _, name := range []string{"kscPassword", "KSCPASSWORD", "kscUser", "kscPort", "kscPasswordFile", "kscCert", "servers"} {
			_, err := parsed(fmt.Sprintf("kscHost: ksc.example\n%s: %s\n", name, fmt.Sprintf(form, hidden)))
			if err != nil && (name == "kscPassword" || !strings.HasPrefix(form, "{")) { // elsewhere that is the name of a setting
				assert.NotContains(t, err.Error(), hidden, "%s: %s", name, form)
			}
			if strings.EqualFold(name, "kscPassword") {
				require.Error(t, err, form)
				assert.NotContains(t, err.Error(), "put it in quotes", "%s: that is no way to give a password", form)
				assert.NotContains(t, err.Error(), "give it one", form)
			}
		}
	}
}

// TestNothingIsPassedOver names every place, with its line.
func TestNothingIsPassedOver(t *testing.T) {
	for text, want := range map[string]string{
		"kscHost: a\nkscHost: b\n":                  "/kscHost (line 2) stands twice",
		"\"ksc\\u0048ost\": a\nkscHost: b\n":        "/kscHost (line 2) stands twice",
		"KscHost: a\n":                              `/KscHost (line 1) is no setting; "kscHost" is spelt so`,
		"nothing: a\n":                              "/nothing (line 1) is no setting",
		"kscHost:\n":                                "/kscHost (line 1) has no value",
		"kscHost: [a]\n":                            "/kscHost (line 1) must be a text",
		"kscUser: 1\n":                              "/kscUser (line 1) must be a text; put it in quotes",
		"kscInternalUser: \"true\"\n":               "/kscInternalUser (line 1) must be true or false",
		"kscPort: 013299\n":                         "/kscPort (line 1) is a number that YAML reads otherwise than it looks",
		"kscPort: 13_299\n":                         "/kscPort (line 1) is a number that YAML reads otherwise than it looks",
		"kscPort: .inf\n":                           "/kscPort (line 1) is a number that YAML reads otherwise than it looks",
		"kscPort: 65536\n":                          "/kscPort (line 1) does not fit",
		"kscHost: 2026-11-30\n":                     "/kscHost (line 1) is read by YAML as !!timestamp",
		"kscHost: !it a\n":                          "/kscHost (line 1) has a tag, which is not taken here",
		"kscHost: &a b\nkscUser: *a\n":              "/kscUser (line 2) is an alias",
		"<<: {kscHost: a}\n":                        "/<< (line 1) is a merge key",
		"1: a\n":                                    "/1 (line 1) has a name that YAML does not read as text",
		"? [a]\n: b\n":                              "has a name that YAML does not read as text",
		"kscHost: a\n---\nkscHost: b\n":             "more than one document",
		"- kscHost\n":                               "the whole (line 1) must hold settings, by name",
		"kscHost\n":                                 "the whole (line 1) must hold settings, by name",
		"servers: {a: {kscHost: h, kscPort: x}}\n":  "/servers/a/kscPort (line 1) does not fit",
		"kscHost: \"a\\0\"\n":                       "/kscHost (line 1) holds a NUL character",
		"kscHost: \"{{.Host}}\"\n":                  "was not filled in",
		"kscHost: " + strings.Repeat("[", 64) + "x": "did not find expected",
	} {
		_, err := parsed(text)
		assert.ErrorContains(t, err, want, "%q", text)
	}
	deep := func(levels int) string {
		return "servers: " + strings.Repeat("[", levels) + strings.Repeat("]", levels) + "\n"
	}
	_, err := parsed(deep(shared.MaxDepth - 1))
	assert.NotContains(t, err.Error(), "nested too deep")
	_, err = parsed(deep(shared.MaxDepth))
	assert.ErrorContains(t, err, "nested too deep")
}

// TestAPolicyHearsWhatItMaySay, by its own name.
func TestAPolicyHearsWhatItMaySay(t *testing.T) {
	for text, want := range map[string]string{
		"quota: on\n": "/quota (line 1) must be enforce",
		"deny: [{name: a, reason: r, effects: [isolate]}]\n": "/deny/0/effects/0 (line 1) must be one of isolates, releases, deletes, quarantines, executes, terminates, blocks, scans, reads",
	} {
		err := Parse("p.yaml", []byte(text), "policy", &struct{}{}, func() ([]shared.Violation, error) { return nil, nil })
		assert.EqualError(t, err, "p.yaml breaks the rules for policies:\n  "+want)
	}
}

// TestAllIsNamedAtOnce, and no more than anybody reads.
func TestAllIsNamedAtOnce(t *testing.T) {
	var text strings.Builder
	for i := range shared.MaxListed + 2 {
		fmt.Fprintf(&text, "no%d: 1\n", i)
	}
	_, err := parsed(text.String())
	var wrong *Error
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, shared.MaxListed, strings.Count(err.Error(), "is no setting"))
	assert.True(t, strings.HasSuffix(err.Error(), "\n  and 2 more"), err.Error())
}

// TestSenseHasTheLastWord, once the settings are there to be looked at.
func TestSenseHasTheLastWord(t *testing.T) {
	var got settings
	err := Parse("f.yaml", []byte("kscHost: a\n"), "config", &got, func() ([]shared.Violation, error) {
		assert.Equal(t, "a", got.Host)
		return []shared.Violation{{Pointer: "/kscHost", Message: "makes no sense"}}, nil
	})
	assert.EqualError(t, err, "f.yaml breaks the rules for configurations:\n  /kscHost (line 1) makes no sense")
	err = Parse("f.yaml", []byte("kscHost: [a]\n"), "config", &got, func() ([]shared.Violation, error) {
		t.Error("what the schema refuses has no sense to look at")
		return nil, nil
	})
	assert.Error(t, err)
	assert.Error(t, Parse("f.yaml", []byte("kscHost: a\n"), "no such schema", &got, nil))
}

// TestWhatOthersCanWriteIsNotRead, whatever is in it.
func TestWhatOthersCanWriteIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.yaml")
	require.NoError(t, os.WriteFile(path, []byte("kscHost: a\n"), 0o600))
	read := func() (got settings, err error) {
		err = Read(path, "config", &got, func() ([]shared.Violation, error) { return nil, nil })
		return got, err
	}
	got, err := read()
	require.NoError(t, err)
	assert.Equal(t, "a", got.Host)
	if os.Getuid() < 0 {
		return // what others may do is not looked at on Windows
	}
	require.NoError(t, os.Chmod(path, 0o622))
	got, err = read()
	assert.ErrorContains(t, err, "chmod 0600")
	assert.Zero(t, got)
}

// FuzzParse: whatever stands in a file, there is an answer and no panic; what is
// taken says nothing that is not there, and no error quotes the value of a password.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"kscHost: a", "a: &b [*b]", "!<x> y", "? {a: b}\n: c", "- - - !!set {a}", "kscPort: 0o17", "\"\\x00\": 1", "%YAML 1.1\n---\nkscHost: on", "servers: {a: {kscHost: b, kscUser: c}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parsed(text)
		if err == nil && got.Host != "" {
			assert.Contains(t, text, "kscHost")
		}
		_, err = parsed("kscPassword: " + strings.NewReplacer("\n", " ", "\r", " ", "\u0085", " ", "\u2028", " ", "\u2029", " ", hidden, "").Replace(text) + hidden)
		require.Error(t, err)
		assert.NotContains(t, err.Error(), hidden)
	})
}
