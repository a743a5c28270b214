// Command 6-protobuf does nothing: it shows what protobuf, beside net/http, costs at a start.
package main

import (
	_ "google.golang.org/protobuf/proto"
	_ "google.golang.org/protobuf/types/known/wrapperspb"
	_ "net/http"
)

func main() {}
