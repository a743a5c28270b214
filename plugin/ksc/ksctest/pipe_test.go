package ksctest

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"
)

// TestPipeIsAConnection holds the connection in memory to what net.Conn promises.
func TestPipeIsAConnection(t *testing.T) {
	nettest.TestConn(t, func() (a, b net.Conn, stop func(), err error) {
		client, server := newPipe("tcp", "ksc.example:13299")
		return client, server, func() { client.Close(); server.Close() }, nil
	})
}
