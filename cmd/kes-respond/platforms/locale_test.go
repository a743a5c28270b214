package platforms

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// ascii is a locale in which Python reads nothing beyond ASCII.
var ascii = []string{"LANG=C", "LC_ALL=C", "PYTHONCOERCECLOCALE=0", "PYTHONUTF8=0"}

// TestAnOutcomeIsReadInAnyLocale: an image or a worker has the locale it has, and
// a host that is asked for by another name may have one in Cyrillic. What was sent
// must not be lost over that.
func TestAnOutcomeIsReadInAnyLocale(t *testing.T) {
	t.Parallel()
	t.Run("xsoar", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, "xsoar")
		s.locale = ascii
		a := s.xsoar(t, "kes-isolate-host", map[string]any{"several": true}, map[string]any{"targetHost": "buh-1.corp.example,PC-12", "action": "1"})
		assert.Nil(t, a["error"], "%v", a)
		assert.Contains(t, text(t, a["outputs"]), `"Hostname":"Бухгалтерия-1"`)
		assert.Len(t, s.incidents(t), 2)
	})
	t.Run("splunk-soar", func(t *testing.T) {
		t.Parallel()
		s := newSite(t, "splunk-soar")
		s.locale = ascii
		outcome, _, good := soarResult(t, s.soar(t, "isolateHost", nil, map[string]any{"targetHost": "buh-1.corp.example", "action": "1"}))
		assert.Equal(t, "submitted", outcome)
		assert.True(t, good)
		require.Len(t, s.incidents(t), 1)
	})
}
