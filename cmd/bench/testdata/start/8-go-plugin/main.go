// Command 8-go-plugin does nothing: it shows what go-plugin, beside net/http, costs at a start.
package main

import (
	_ "github.com/hashicorp/go-plugin"
	_ "net/http"
)

func main() {}
