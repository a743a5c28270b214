// Command 7-grpc does nothing: it shows what gRPC, beside net/http, costs at a start.
package main

import (
	_ "google.golang.org/grpc"
	_ "net/http"
)

func main() {}
