package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

// emulatorPassword is the password of every emulator of these tests. It looks
// like nothing else, and differently in each form in which programs write it
// down, so that it is found wherever it leaks to. In scripts it is demo-only.
const emulatorPassword = `Zé-canary+7&<w0rd>"q%41\b`

// passwordForms are the ways in which the password may be written.
var passwordForms = sync.OnceValue(func() map[string]string {
	forms := map[string]string{
		"as it is": emulatorPassword, "hex": hex.EncodeToString([]byte(emulatorPassword)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(emulatorPassword))),
		"of a query": url.QueryEscape(emulatorPassword), "of a path": url.PathEscape(emulatorPassword), "of HTML": html.EscapeString(emulatorPassword),
		"of Go": strings.Trim(fmt.Sprintf("%q", emulatorPassword), `"`), "of Go in ASCII": strings.Trim(fmt.Sprintf("%+q", emulatorPassword), `"`), "as bytes": strings.Trim(fmt.Sprint([]byte(emulatorPassword)), "[]"),
	}
	plain, _ := json.Marshal(emulatorPassword)
	ascii, _ := shared.ASCIIJSON(emulatorPassword)
	forms["of JSON"], forms["of JSON in ASCII"] = strings.Trim(string(plain), `"`), string(ascii[1:len(ascii)-1])
	twice, _ := json.Marshal(forms["of JSON"])
	forms["of JSON in JSON"] = strings.Trim(string(twice), `"`)
	var wide []byte
	for _, unit := range utf16.Encode([]rune(emulatorPassword)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	forms["in UTF-16"] = string(wide)
	for lead := range 3 { // in base64 it looks different behind one, two or three bytes of something else
		text := append(make([]byte, lead), emulatorPassword...)
		text = text[:len(text)/3*3]
		from := []int{0, 2, 3}[lead] // the first characters tell of those bytes too
		forms[fmt.Sprintf("base64 behind %d", lead)] = base64.StdEncoding.EncodeToString(text)[from:]
		forms[fmt.Sprintf("base64url behind %d", lead)] = base64.URLEncoding.EncodeToString(text)[from:]
	}
	return forms
})

// leaked says in which form the password stands in a text; "" where it does not.
func leaked(text []byte) string {
	for name, form := range passwordForms() {
		if bytes.Contains(text, []byte(form)) {
			return name
		}
	}
	return ""
}

// leaks lists the files below a folder that have the password in them or in
// their names. What holds it by right is not looked at: where a test puts it for
// the program to read, and the emulator's record, which is of what it was sent.
func leaks(t testing.TB, dir string) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) { // somebody has just tidied up
			return nil
		}
		if err != nil {
			return err
		}
		if form := leaked([]byte(d.Name())); form != "" {
			found = append(found, path+": its name, "+form)
		}
		if !d.Type().IsRegular() || strings.HasSuffix(d.Name(), "record.jsonl") || strings.HasPrefix(strings.ToLower(d.Name()), "kscpassword") || d.Name() == "password" {
			return nil
		}
		data, err := os.ReadFile(path)
		if os.IsNotExist(err) || os.IsPermission(err) {
			return nil
		}
		if form := leaked(data); form != "" {
			found = append(found, path+": "+form)
		}
		return err
	})
	require.NoError(t, err)
	return found
}

// guarded looks for the password in a folder when the test has ended, and in
// what it says.
func guarded(t testing.TB, dir string) {
	t.Helper()
	t.Cleanup(func() { assert.Empty(t, leaks(t, dir), "the password leaked") })
}

// TestTheSearchForThePasswordFinds it in each form, and in the one file of the
// real world that has it.
func TestTheSearchForThePasswordFinds(t *testing.T) {
	dir := t.TempDir()
	for name, form := range passwordForms() {
		path := filepath.Join(dir, "deeper", "planted")
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte("before "+form+" after"), 0o600))
		assert.Len(t, leaks(t, dir), 1, name)
		require.NoError(t, os.Remove(path))
		assert.Empty(t, leaks(t, dir))
	}
	for _, before := range []string{"", "a", "ab", "user:", "user:x"} {
		for _, text := range []string{
			base64.StdEncoding.EncodeToString([]byte(before + emulatorPassword)), base64.RawURLEncoding.EncodeToString([]byte(before + emulatorPassword + "\n")),
		} {
			assert.NotEmpty(t, leaked([]byte("pass="+text)), "%q %s", before, text)
		}
	}
	at := startEmulator(t, dir, "", "", "--record", "record.jsonl")
	program := build(t, "kes-respond", t.TempDir())
	(&site{dir: dir, env: at.environment()}).run(t, 0, program, "isolateHost", "--targetHost", "a", "--action", "1")
	record, err := os.ReadFile(at.record)
	require.NoError(t, err)
	assert.NotEmpty(t, leaked(record), "the emulator was sent a password, and it is not found there")
}

// scriptLog is a *testing.T to testscript, which hears all that scripts print
// and looks for the password in it.
type scriptLog struct{ t *testing.T }

// Skip, Fatal and FailNow are those of testing.T.
func (l scriptLog) Skip(args ...any)  { l.t.Helper(); l.t.Skip(args...) }
func (l scriptLog) Fatal(args ...any) { l.t.Helper(); l.t.Fatal(args...) }
func (l scriptLog) FailNow()          { l.t.Helper(); l.t.FailNow() }

// Parallel is that of testing.T.
func (l scriptLog) Parallel() { l.t.Parallel() }

// Verbose has testscript keep all that is printed, also of what went well.
func (l scriptLog) Verbose() bool { return true }

// Run runs one script.
func (l scriptLog) Run(name string, f func(testscript.T)) {
	l.t.Run(name, func(t *testing.T) { f(scriptLog{t}) })
}

// Log takes what a script printed.
func (l scriptLog) Log(args ...any) {
	l.t.Helper()
	text := fmt.Sprint(args...)
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "> ") || strings.Contains(line, " --password ") {
			continue // what the script itself says
		}
		if form := leaked([]byte(line)); form != "" {
			l.t.Errorf("the password leaked, %s: %s", form, line)
		}
	}
	if testing.Verbose() {
		l.t.Log(text)
		return
	}
	l.t.Cleanup(func() {
		if l.t.Failed() {
			l.t.Log(text)
		}
	})
}

// scripts are the scripts with the password for demo-only, and as it stands
// inside a JSON text for demo-json.
func scripts(t *testing.T) (dir string) {
	t.Helper()
	source, dir := filepath.Join("testdata", "script"), t.TempDir()
	files, err := filepath.Glob(filepath.Join(source, "*.txtar"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		fill := strings.NewReplacer("demo-only", emulatorPassword, "demo-json", passwordForms()["of JSON"])
		require.NoError(t, os.WriteFile(filepath.Join(dir, filepath.Base(path)), []byte(fill.Replace(string(text))), 0o600))
	}
	t.Cleanup(func() {
		if os.Getenv("UPDATE_SCRIPTS") == "" {
			return
		}
		for _, path := range files {
			text, err := os.ReadFile(filepath.Join(dir, filepath.Base(path)))
			require.NoError(t, err)
			back := strings.NewReplacer(emulatorPassword, "demo-only", passwordForms()["of JSON"], "demo-json")
			require.NoError(t, os.WriteFile(path, []byte(back.Replace(string(text))), 0o600))
		}
	})
	return dir
}
