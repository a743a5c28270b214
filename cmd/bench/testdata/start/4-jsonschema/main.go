// Command 4-jsonschema does nothing: it shows what the check of JSON schemas, beside net/http, costs at a start.
package main

import (
	_ "github.com/google/jsonschema-go/jsonschema"
	_ "net/http"
)

func main() {}
