package config

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// file writes a file with the given mode, whatever the umask.
func file(t *testing.T, path, content string, mode os.FileMode) string {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	require.NoError(t, os.Chmod(path, mode))
	return path
}

func configured(t *testing.T, content string) string {
	t.Helper()
	return file(t, filepath.Join(t.TempDir(), "config.yaml"), content, 0o644)
}

func TestReadConfig(t *testing.T) {
	path := configured(t, `# comments are why it is YAML
kscHost: ksc.example
kscPort: "13300"
kscCert: [ca.pem, /etc/ssl/own.pem, "sha256:`+strings.Repeat("ab", 32)+`"]
kscUser: edr-operator
kscPasswordFile: secret/password
kscDomain: 'CORP'
kscInternalUser: yes
kscVServer: east
responseEventIncidentArea: My SIEM
servers:
  second: {kscHost: 10.0.0.2, kscUser: b, kscPort: 13301, kscCert: False, kscPasswordCommand: [/usr/bin/printf, x]}
  "3": {kscHost: "fe80::1%eth0", kscUser: c}
defaultServer: second
`)
	// YAML 1.2 reads yes as text, and text is no boolean.
	_, err := Read(path)
	require.EqualError(t, err, path+" breaks the rules for configurations:\n  /kscInternalUser (line 8) must be true or false")

	text, err := os.ReadFile(path)
	require.NoError(t, err)
	file(t, path, strings.Replace(string(text), ": yes", ": true", 1), 0o644)
	got, err := Read(path)
	require.NoError(t, err)
	dir := filepath.Dir(path)
	assert.Equal(t, File{
		Path: path,
		Server: Server{
			Host: "ksc.example", Port: "13300", User: "edr-operator", Domain: "CORP", InternalUser: true, VServer: "east",
			Cert:         Certs{filepath.Join(dir, "ca.pem"), "/etc/ssl/own.pem", "sha256:" + strings.Repeat("ab", 32)},
			PasswordFile: filepath.Join(dir, "secret", "password"),
		},
		Area: "My SIEM",
		Servers: map[string]Server{
			"second": {Host: "10.0.0.2", Port: "13301", User: "b", Cert: Certs{"False"}, PasswordCommand: []string{"/usr/bin/printf", "x"}},
			"3":      {Host: "fe80::1%eth0", User: "c"},
		},
		DefaultServer: "second",
	}, got)
}

// TestConfigRefusals holds the exact answer to each thing that can be wrong.
func TestConfigRefusals(t *testing.T) {
	const bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n" +
		"d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\nkscHost: [*f,*f,*f]\n"
	for name, one := range map[string]struct {
		yaml string
		want []string // lines after the first; or one line that ends the message
	}{
		"unknown key":       {"kscHost: a\nkscHots: b\n", []string{"/kscHots (line 2) is no setting"}},
		"wrong case":        {"kschost: a\n", []string{`/kschost (line 1) is no setting; "kscHost" is spelt so`}},
		"wrong case within": {"servers: {a: {kscHost: a, KscUser: b}}\n", []string{"/servers/a/kscUser is required", `/servers/a/KscUser (line 1) is no setting; "kscUser" is spelt so`}},
		"duplicate key":     {"kscHost: a\nkscUser: b\nkscHost: c\n", []string{"/kscHost (line 3) stands twice"}},
		"duplicate within":  {"servers:\n  a: {kscHost: a, kscUser: b}\n  a: {kscHost: c, kscUser: d}\n", []string{"/servers/a (line 3) stands twice"}},
		"password":          {"kscPassword: hunter2\n", []string{"/kscPassword (line 1) is not taken: a password stands in no configuration. Use the environment, kscPasswordFile or kscPasswordCommand"}},
		"all at once": {
			"kscHost: [a]\nkscPort: 70000\nkscUser: 12345\nkscInternalUser: 'true'\nresponseEventIncidentArea: 'a[b]'\nservers: {'a/b': {}}\n",
			[]string{
				"/kscHost (line 1) must be a text; put it in quotes",
				"/kscInternalUser (line 4) must be true or false",
				"/kscPort (line 2) does not fit; it is: Its OpenAPI port, 1 to 65535; 13299 where none is given",
				"/kscUser (line 3) must be a text; put it in quotes",
				"/responseEventIncidentArea (line 5) does not fit; it is: The calling application where a request names none, part of the console task's name: 1 to 32 letters, digits, blanks, '.', '_' or '-'; KUMA where none is given",
				"/servers/a~1b (line 6) does not fit; it is: A server's name: letters, digits, '.', '_' and '-', at most 64",
				"/servers/a~1b/kscHost is required",
				"/servers/a~1b/kscUser is required",
			},
		},
		"no value":            {"kscHost: a\nkscCert:\n", []string{"/kscCert (line 2) has no value: give it one, or leave the setting out"}},
		"null":                {"kscCert: ~\n", []string{"/kscCert (line 1) has no value: give it one, or leave the setting out"}},
		"list":                {"- kscHost\n", []string{"the whole (line 1) must hold settings, by name"}},
		"text":                {"kscHost=a\n", []string{"the whole (line 1) must hold settings, by name"}},
		"cert true":           {"kscCert: true\n", []string{certRefused}},
		"cert True":           {"kscCert: 'True'\n", []string{certRefused}},
		"cert empty":          {"kscCert: ''\n", []string{certRefused}},
		"cert list empty":     {"kscCert: []\n", []string{certRefused}},
		"cert list with off":  {"kscCert: [a.pem, 'False']\n", []string{certRefused}},
		"cert list with bool": {"kscCert: [a.pem, false]\n", []string{certRefused}},
		"port zero":           {"kscPort: 0\n", []string{portRefused}},
		"one call":            {"followCalls: 1\n", []string{callsRefused}},
		"two calls":           {"followCalls: 2\n", []string{callsRefused}},
		"too many calls":      {"followCalls: 6001\n", []string{callsRefused}},
		"port fraction":       {"kscPort: 1.5\n", []string{portRefused}},
		"port text too big":   {"kscPort: '65536'\n", []string{portRefused}},
		"port with sign":      {"kscPort: '+13299'\n", []string{portRefused}},
		"port in octal":       {"kscPort: 013000\n", []string{"/kscPort (line 1) is a number that YAML reads otherwise than it looks: write it plainly, or put it in quotes"}},
		"port in hexadecimal": {"kscPort: 0x33F3\n", []string{"/kscPort (line 1) is a number that YAML reads otherwise than it looks: write it plainly, or put it in quotes"}},
		"port beyond numbers": {"kscPort: 1e999\n", []string{portRefused}},
		"port by tag":         {"kscPort: !!float 1e999\n", []string{"/kscPort (line 1) is a number that YAML reads otherwise than it looks: write it plainly, or put it in quotes"}},
		"port infinite":       {"kscPort: .inf\n", []string{"/kscPort (line 1) is a number that YAML reads otherwise than it looks: write it plainly, or put it in quotes"}},
		"host with port":      {"kscHost: ksc:13299\n", []string{"/kscHost (line 1) does not fit; it is: Name or address of the Administration Server, without scheme and port"}},
		"host with scheme":    {"kscHost: https://ksc\n", []string{"/kscHost (line 1) does not fit; it is: Name or address of the Administration Server, without scheme and port"}},
		"date":                {"kscUser: 2026-11-25\n", []string{"/kscUser (line 1) is read by YAML as !!timestamp: put it in quotes"}},
		"binary":              {"kscUser: !!binary aGk=\n", []string{"/kscUser (line 1) is read by YAML as !!binary: put it in quotes"}},
		"own tag":             {"kscUser: !env USER\n", []string{"/kscUser (line 1) has a tag, which is not taken here: leave it out, or put the whole in quotes if '!' begins a text"}},
		"tagged mapping":      {"servers: !x {}\n", []string{"/servers (line 1) has a tag, which is not taken here: leave it out, or put the whole in quotes if '!' begins a text"}},
		"number as a name":    {"servers:\n  1: {kscHost: a, kscUser: b}\n", []string{"/servers/1 (line 2) has a name that YAML does not read as text: put it in quotes"}},
		"two passwords": {
			"kscHost: a\nkscPasswordFile: b\nkscPasswordCommand: [/c]\n",
			[]string{"the whole (line 1) has kscPasswordFile and kscPasswordCommand; only one of them can be meant"},
		},
		"command by name":   {"servers: {a: {kscHost: a, kscUser: b, kscPasswordCommand: [pass, ksc]}}\n", []string{"/servers/a/kscPasswordCommand/0 (line 1) must be the full path of a program"}},
		"command as a line": {"kscPasswordCommand: pass ksc\n", []string{"/kscPasswordCommand (line 1) must be a list: A program that prints the password as one line, by its full path, and its arguments; no shell is between"}},
		"alias":             {"kscHost: &h a\nkscUser: *h\n", []string{"/kscUser (line 2) is an alias, which is not taken here: write it out, or put it in quotes if '*' begins a text"}},
		"merge":             {"servers:\n  a: &a {kscHost: a, kscUser: b}\n  c:\n    <<: *a\n", []string{"/servers/c/<< (line 4) is a merge key, which is not taken here: write the settings out"}},
		"alias bomb":        {bomb, nil},
		"template":          {"kscHost: '{{.Values.ksc}}'\n", []string{`/kscHost (line 1) holds "{{.": a field was not filled in by the caller's template`}},
		"nesting":           {"kscCert: " + strings.Repeat("[", 200) + strings.Repeat("]", 200) + "\n", nil},
		"tab":               {"servers:\n\ta: {}\n", []string{"yaml: line 2: found character that cannot start any token"}},
		"unclosed":          {"kscHost: \"a\nkscUser: b\n", []string{"yaml: line 3: found unexpected end of stream"}},
		"two documents":     {"kscHost: a\n---\nkscUser: b\n", []string{"yaml: it holds more than one document, of which only the first would count"}},
		"no UTF-8":          {"kscHost: \"\xff\"\n", []string{"yaml: invalid leading UTF-8 octet"}},
		"too big":           {"kscHost: a\n" + strings.Repeat("# padding padding padding\n", 20000), []string{"config.yaml is too long: it may have 262144 bytes"}},
		"beyond all bounds": {"kscHost: a\n" + strings.Repeat("# padding padding padding\n", 60000), []string{"config.yaml is too long: it may have 262144 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := configured(t, one.yaml)
			_, err := Read(path)
			require.Error(t, err)
			first, rest, several := strings.Cut(err.Error(), "\n")
			assert.True(t, strings.HasPrefix(first, path), "the file is named: %s", first)
			switch {
			case one.want == nil:
				assert.True(t, several)
			case several:
				assert.Equal(t, "  "+strings.Join(one.want, "\n  "), rest)
			default:
				assert.True(t, len(one.want) == 1 && strings.HasSuffix(first, one.want[0]), first)
			}
		})
	}
}

const (
	certRefused  = "/kscCert (line 1) does not fit; it is: A PEM or DER file: a CA's certificate, or the server's own; or the SHA-256 of the server's certificate; or a list of those. Without it the system's roots count; false switches the check off"
	portRefused  = "/kscPort (line 1) does not fit; it is: Its OpenAPI port, 1 to 65535; 13299 where none is given"
	callsRefused = "/followCalls (line 1) does not fit; it is: How many calls a minute may be made to one KSC server to follow requests, whatever waits: 3, which one question may take, to 6000; 120 where nothing is said. With 0 nothing is followed, no request can wait for its end, and nothing is looked at before one is sent"
)

func TestConfigThatSaysNothing(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "blank": " \n\n", "comments": "# nothing yet\n", "mark": "---\n", "null": "~\n", "byte order mark": "\ufeff", "empty object": "{}",
	} {
		got, err := Read(configured(t, content))
		require.NoError(t, err, name)
		got.Path = ""
		assert.Equal(t, File{}, got, name)
	}
}

func TestConfigEncodings(t *testing.T) {
	utf16 := []byte{0xff, 0xfe}
	for _, c := range "kscHost: ksc.example\r\n" {
		utf16 = append(utf16, byte(c), 0)
	}
	for name, content := range map[string]string{
		"plain": "kscHost: ksc.example\n", "byte order mark": "\ufeffkscHost: ksc.example\n", "CRLF": "kscHost: ksc.example\r\nkscPort: 13299\r\n",
		"JSON": `{"kscHost":"ksc.example"}`, "UTF-16": string(utf16), "no line end": "kscHost: ksc.example",
	} {
		got, err := Read(configured(t, content))
		require.NoError(t, err, name)
		assert.Equal(t, "ksc.example", got.Host, name)
	}
}

func TestConfigListsTheFirstTwenty(t *testing.T) {
	var b strings.Builder
	for i := range 30 {
		b.WriteString("wrong" + strconv.Itoa(i) + ": 1\n")
	}
	_, err := Read(configured(t, b.String()))
	require.Error(t, err)
	assert.Equal(t, 22, len(strings.Split(err.Error(), "\n")))
	assert.True(t, strings.HasSuffix(err.Error(), "\n  and 10 more"))
}
