package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

const wholeConnection = `{"kscHost":"ksc.example","kscPort":13299,"kscCert":"` + pinText + `","kscUser":"edr","kscPassword":"demo-only","kscDomain":"CORP","kscInternalUser":true,"kscVServer":"v"}`

const pinText = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

// connectionValues are a complete connection, the same with each member left
// out, and with each member set to something of every kind.
func connectionValues() []string {
	all := []string{`null`, `true`, `1`, `"x"`, `[]`, `{}`, `{"kscHost":"evil"}`, wholeConnection}
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(wholeConnection), &members); err != nil {
		panic(err)
	}
	with := func(name, raw string) string {
		changed := map[string]json.RawMessage{}
		for k, v := range members {
			changed[k] = v
		}
		if delete(changed, name); raw != "" {
			changed[name] = json.RawMessage(raw)
		}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(changed); err != nil {
			panic(err)
		}
		return strings.TrimSpace(b.String())
	}
	values := []string{
		``, `null`, `true`, `false`, `0`, `1`, `65535`, `65536`, `13299.0`, `1.3299e4`, `1.5`, `-1`, `""`, `" "`, `"a"`, `"a b"`, `"a\u2003b"`, `"1"`, `"65535"`, `"65536"`, `"01"`, `"False"`, `"FALSE"`, `"fAlSe"`, `"True"`,
		`"10.0.0.1"`, `"fe80::1%eth0"`, `"::1"`, `"a:1"`, `"a/b"`, `"u@a"`, `"a?b"`, `"a\u0007b"`, `"a\u0085b"`, `"a\"b"`, `"a\nb"`, `[]`, `["a"]`, `{}`, `"{{.x}}"`,
		`"` + pinText + `"`, `"sha256:` + pinText + `,` + pinText + `"`, `"-----BEGIN CERTIFICATE-----"`, `"x\n-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"`, `"/etc/hostname"`,
	}
	for _, n := range []int{256, 257, 1024, 1025, 65536, 65537} {
		values = append(values, `"`+strings.Repeat("é", n)+`"`)
	}
	for name := range members {
		for _, raw := range values {
			all = append(all, with(name, raw))
		}
	}
	return append(all, with("kschost", `"a"`), with("kscPasswordFile", `"/etc/shadow"`), with("x", `1`))
}

// TestConnectionInSchemaAndProgram is what a line of values cannot hold: a real
// certificate, and a server named beside it.
func TestConnectionInSchemaAndProgram(t *testing.T) {
	schema, p := compile(t, generated(t)["schemas/request.json"]), newProgram(t)
	ksc, err := ksctest.New(ksctest.Options{User: "edr", Password: "demo-only"})
	require.NoError(t, err)
	defer ksc.Close()
	cert, err := json.Marshal(string(ksc.CertificatePEM()))
	require.NoError(t, err)
	withCert := strings.Replace(wholeConnection, `"`+pinText+`"`, string(cert), 1)
	for _, base := range []string{requestBases()[0], requestBases()[2], requestBases()[8]} {
		for raw, want := range map[string]bool{withCert: true, wholeConnection: true} {
			line := set(t, base, "connection", raw)
			in, answer := p.takes(t, line)
			assert.Equal(t, want, in, answer)
			assert.Equal(t, want, schema.Validate(value(t, line)) == nil, "%s", line)
			line = set(t, string(line), "server", `"main"`)
			in, answer = p.takes(t, line)
			assert.False(t, in, answer)
			assert.Error(t, schema.Validate(value(t, line)), "%s", line)
		}
	}
}
