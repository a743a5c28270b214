package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/shared"
)

// completionCommand prints a script that teaches a shell our commands, tasks,
// flags and the values that they may have.
func completionCommand(s surroundings) *cobra.Command {
	scripts := map[string]func(*cobra.Command, io.Writer) error{
		"bash":       func(root *cobra.Command, w io.Writer) error { return root.GenBashCompletionV2(w, true) },
		"zsh":        (*cobra.Command).GenZshCompletion,
		"fish":       func(root *cobra.Command, w io.Writer) error { return root.GenFishCompletion(w, true) },
		"powershell": (*cobra.Command).GenPowerShellCompletionWithDesc,
	}
	return &cobra.Command{
		Use: "completion SHELL", Short: "a script that completes commands in bash, zsh, fish or powershell",
		Long: `completion prints a script for a shell: bash, zsh, fish or powershell. It completes
commands, tasks, flags, and the values of flags that have a list of them. The one
for bash needs the package bash-completion.`,
		Example: `  kes-respond completion bash >/etc/bash_completion.d/kes-respond
  kes-respond completion zsh >"${fpath[1]}/_kes-respond"
  kes-respond completion fish >~/.config/fish/completions/kes-respond.fish
  kes-respond completion powershell | Out-String | Invoke-Expression`,
		ValidArgs: []cobra.Completion{"bash", "zsh", "fish", "powershell"},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || scripts[args[0]] == nil {
				return exit.Usage("completion takes the name of one shell: bash, zsh, fish or powershell")
			}
			if err := scripts[args[0]](c.Root(), s.out); err != nil {
				return exit.With(shared.ExitFailed, err)
			}
			return nil
		},
	}
}
