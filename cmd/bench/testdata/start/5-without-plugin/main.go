// Command 5-without-plugin does nothing: it shows what all but the plugin carrier costs at a start.
package main

import (
	_ "github.com/kes-respond/kes-respond/plugin"
	_ "github.com/kes-respond/kes-respond/shared/jsonl"
	_ "github.com/spf13/cobra"
	_ "go.yaml.in/yaml/v3"
)

func main() {}
