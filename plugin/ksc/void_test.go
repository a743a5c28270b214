package ksc_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// TestAMethodThatAnswersNothing is done when KSC says just that: any other
// object may be a proxy's, which tells of an error in members of its own.
func TestAMethodThatAnswersNothing(t *testing.T) {
	for answer, done := range map[string]bool{
		`{}`:                                     true,
		" { } \n":                                true,
		`{"PxgRetVal":null}`:                     true,
		`{"error":"upstream"}`:                   false,
		`{"error":null}`:                         false,
		`{"PxgRetVal":null,"error":"upstream"}`:  false,
		`{"PxgRetVal":{"error":"upstream"}}`:     false,
		`{"PxgRetVal":false}`:                    false,
		`{"PxgRetVal":0}`:                        false,
		`{"pxgretval":null}`:                     false,
		`{"PxgError":null}`:                      false,
		`{"message":"no such session","code":7}`: false,
		`[]`:                                     false,
		`null`:                                   false,
	} {
		synctest.Test(t, func(t *testing.T) {
			server := newRogue(t, except("HostGroup.UpdateIncident", ok(answer)))
			err := client(t, server.Dial).UpdateIncident(t.Context(), 4711, hostID, false)
			if done {
				require.NoError(t, err, answer)
				return
			}
			e := failed(t, err)
			assert.Equal(t, ksc.KindBadAnswer, e.Kind, answer)
			assert.Equal(t, ksc.Unknown, e.Delivery, answer)
		})
	}
}
