package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLedgerSettingsMakeSense at the edges of what may be set.
func TestLedgerSettingsMakeSense(t *testing.T) {
	for want, l := range map[string]Ledger{
		"":                        {KeepFor: "24h", DuplicateWindow: "24h"},
		"/ledger/keepFor":         {KeepFor: "23h59m"},
		"/ledger/keepFor ":        {KeepFor: "99999999999h"},
		"/ledger/duplicateWindow": {DuplicateWindow: "24h1ns"},
		"/ledger/anchorSyslog":    {AnchorSyslog: true},
	} {
		var got string
		for _, v := range l.sense("windows") {
			got += v.Pointer
		}
		assert.Equal(t, want, got+map[bool]string{true: " "}[l.KeepFor == "99999999999h"])
		if l.AnchorSyslog {
			assert.Empty(t, l.sense("linux"))
		}
	}
}
