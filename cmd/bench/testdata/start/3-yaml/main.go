// Command 3-yaml does nothing: it shows what the YAML parser, beside net/http, costs at a start.
package main

import (
	_ "go.yaml.in/yaml/v3"
	_ "net/http"
)

func main() {}
