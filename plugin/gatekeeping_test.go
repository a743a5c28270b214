package plugin_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
)

// TestNoRequestShutsTheConfiguredAccountOut: requests that bring the configured
// account with wrong passwords are soon not tried any more; what is configured
// goes on logging in, in this process and in others.
func TestNoRequestShutsTheConfiguredAccountOut(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, dir, ksctest.Options{})
		o := &other{Server: s.ksc}
		p := s.start(t, nil, func(c *plugin.Config) { c.Connections.Dial = s.ksc.Dial })
		for i := range 5 {
			wrong := o.connection("kscHost", "ksc.example", "kscUser", "edr-operator", "kscPassword", fmt.Sprint("wrong", i))
			_, result := p.send(t, member(unkeyed(fmt.Sprint(i), "isolateHost", `{"action":1}`), wrong))
			require.Equal(t, shared.Login, result.Error.Code)
		}
		assert.Equal(t, 3, o.count("StartSession"), "more could block the account")
		for i, one := range []process{p, s.start(t, nil)} {
			_, result := one.send(t, member(unkeyed(fmt.Sprint("c", i), "isolateHost", `{"action":1}`), `,"allowDuplicate":true`))
			assert.Equal(t, shared.Submitted, result.Outcome, "%+v", result.Error)
		}
	})
}
