package ksc_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/plugin/ksc"
)

// TestWhatPassesByItself: each kind, so that a new one is thought of.
func TestWhatPassesByItself(t *testing.T) {
	const last = ksc.KindPassword
	passing := map[ksc.Kind]bool{
		ksc.KindUnreachable: true, ksc.KindUnavailable: true, ksc.KindLimit: true, ksc.KindBadAnswer: true, ksc.KindTimeout: true, ksc.KindSession: true,

		ksc.KindRefused: false, ksc.KindTLS: false, ksc.KindLogin: false, ksc.KindLocked: false, ksc.KindSecondFactor: false, ksc.KindDenied: false,
		ksc.KindNotFound: false, ksc.KindUnsupported: false, ksc.KindCanceled: false, ksc.KindTruncated: false, ksc.KindPassword: false,
	}
	for kind := range last + 1 {
		want, thoughtOf := passing[kind]
		assert.True(t, thoughtOf, "%d", kind)
		e := &ksc.Error{Kind: kind}
		assert.Equal(t, want, e.Passing(), "%d", kind)
		assert.False(t, e.Passing() && e.Final(), "%d", kind)
	}
}
