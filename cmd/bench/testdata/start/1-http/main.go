// Command 1-http does nothing: it shows what net/http costs at a start.
package main

import (
	_ "net/http"
)

func main() {}
