// Command 2-cobra does nothing: it shows what cobra, beside net/http, costs at a start.
package main

import (
	_ "github.com/spf13/cobra"
	_ "net/http"
)

func main() {}
