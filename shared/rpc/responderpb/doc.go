// Package responderpb is generated from ../responder.proto by "make generate".
// Only package rpc uses it; programs in Go use package rpc.
package responderpb
