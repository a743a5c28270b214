package ksc_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// BenchmarkIncident is AddIncident and UpdateIncident over one connection in memory.
func BenchmarkIncident(b *testing.B) {
	_, c := emulated(b, ksctest.Options{})
	ctx := b.Context()
	require.NoError(b, c.Open(ctx))
	b.ReportAllocs()
	for b.Loop() {
		id, err := c.AddIncident(ctx, incident(1))
		require.NoError(b, err)
		require.NoError(b, c.UpdateIncident(ctx, id, hostID, false))
	}
}

// BenchmarkFindHosts is a search that finds one host: three calls.
func BenchmarkFindHosts(b *testing.B) {
	_, c := emulated(b, ksctest.Options{Inventory: []ksctest.Host{{ID: hostID, DN: "PC-12"}}})
	ctx := b.Context()
	require.NoError(b, c.Open(ctx))
	b.ReportAllocs()
	for b.Loop() {
		hosts, err := c.FindHosts(ctx, ksc.ByAny, "pc-12", 20)
		require.NoError(b, err)
		require.Len(b, hosts, 1)
	}
}

// BenchmarkLogin is a client made, a session started and ended, TLS included.
func BenchmarkLogin(b *testing.B) {
	server, _ := emulated(b, ksctest.Options{})
	trust, err := ksc.ParseTrust(server.CertificatePEM())
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		c, err := ksc.New(ksc.Config{Addr: kscAddr, User: user, Password: password, Trust: trust, Dial: server.Dial})
		require.NoError(b, err)
		require.NoError(b, c.Open(b.Context()))
		require.NoError(b, c.Close(b.Context()))
	}
}
