package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestConfigErrorsQuoteNoValue puts a secret wherever a person might: none of
// the answers repeats it.
func TestConfigErrorsQuoteNoValue(t *testing.T) {
	const secret = "Hunter2"
	for _, content := range []string{
		"kscPassword: Hunter2\n", "kscPort: Hunter2\n", "kscInternalUser: Hunter2\n", "kscHost: 'Hunter2 x'\n", "kscHost: Hunter2@ksc\n",
		"servers: Hunter2\n", "kscPasswordCommand: Hunter2\n", "kscPasswordCommand: [Hunter2]\n", "kscUser: *Hunter2\n", "kscUser: &Hunter2 *Hunter2\n",
		"kscUser: !Hunter2 x\n: : :", "kscUser: \"Hunter2\n", "kscUser: [Hunter2\n", "responseEventIncidentArea: 'Hunter2[]'\n", "Hunter2\n", "- Hunter2\n",
		"kscCert: {a: Hunter2}\n", "kscUser: {a: Hunter2}\n", "kscUser: Hunter2 {{.\n", "kscHost: a\nkscPasswordFile: Hunter2\nkscPasswordCommand: [/x, Hunter2]\n",
		"defaultServer: {Hunter2: 1}\n", "kscDomain: 'Hunter2\"'\n", "kscUser: 'Hunter2\ufffd'\n", "kscUser: Hunter2: x\n", "kscUser:\tHunter2\n\tx: y\n",
		"kscUser: a\nkscHost: a\nkscPasswordFile: Hunter2\n", "kscUser: a\nkscHost: a\nkscPasswordCommand: [/Hunter2, Hunter2]\n", "kscUser: %Hunter2\n", "kscUser: @Hunter2\n", "kscUser: `Hunter2\n",
	} {
		path := configured(t, content)
		_, err := settingsFlags{}.settings(surroundings{getenv: environ("KES_RESPOND_CONFIG", path), err: io.Discard})
		require.Error(t, err, content)
		assert.NotContains(t, err.Error(), secret, content)
	}
}
