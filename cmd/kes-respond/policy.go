package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/display"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin"
	"github.com/kes-respond/kes-respond/shared"
)

// policyFile always counts, whatever else is configured.
const policyFile = "/etc/kes-respond/policy.yaml"

func policyCommand(s surroundings) *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "what the policy makes of a request", Args: noWords,
		Long: `A policy forbids: each of its rules denies what meets all that the rule says, and
its caps bound how much is sent. The
file /etc/kes-respond/policy.yaml always counts, where it is there, and the one
that the configuration names (policy) counts as well; what either denies is
denied. No flag, variable or request switches a policy off.`,
		Example: "  kes-respond policy example >policy.yaml\n  kes-respond sample isolateHost | kes-respond policy test",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(policyTestCommand(s), policyExampleCommand(s))
	return c
}

func policyTestCommand(s surroundings) *cobra.Command {
	var f settingsFlags
	c := &cobra.Command{
		Use: "test", Short: "which rule decides a request, and why", Args: noWords,
		Long: `test reads one request, a line of JSON as serve takes it, looks up its host, and
says of each rule whether it denies the request, and why. Nothing is sent to a
host and nothing is recorded.

Exit codes: 0 allowed, 3 denied, 65 the request is refused for another reason.`,
		Example: "  kes-respond sample isolateHost | kes-respond policy test",
	}
	f.add(c.Flags())
	form := choiceFlag(c.Flags(), "output", "form", "json or text (default: text on a terminal)", "json", "text")
	c.RunE = func(c *cobra.Command, _ []string) error {
		line, err := bufio.NewReader(io.LimitReader(s.in, shared.MaxRequestBytes+1)).ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return exit.With(shared.ExitFailed, err)
		}
		out := newOutput(s, form.value)
		r, refusal := shared.ParseRequest(line)
		if refusal != nil {
			return out.End(r, shared.Result{Outcome: shared.Refused, Error: refusal, Message: refusal.Message})
		}
		return withPlugin(c.Context(), s, f, func(p *plugin.Plugin, _ settings) error {
			return judge(c.Context(), p, r, out)
		})
	}
	return c
}

func judge(ctx context.Context, p *plugin.Plugin, r shared.Request, out *display.Output) error {
	if r.Type != shared.TypeRespond {
		return exit.Usage("policy test takes a request for a task")
	}
	judged, ended := p.Judge(ctx, r)
	if ended != nil {
		return out.End(r, *ended)
	}
	if out.JSON {
		data, err := shared.ASCIIJSON(judged)
		if err == nil {
			_, err = fmt.Fprintf(out.Out, "%s\n", data)
		}
		if err != nil {
			return exit.With(shared.ExitFailed, err)
		}
	} else {
		fmt.Fprintf(out.Out, "host: %s\n", printable.Text(display.Host(judged.Host)))
		for _, v := range judged.Verdicts {
			fmt.Fprintf(out.Out, "%-7s %s: %s\n", map[bool]string{true: "denies", false: "passes"}[v.Denies], printable.Text(v.Rule), printable.Text(v.Because))
		}
		fmt.Fprintf(out.Out, "%s: %s\n", map[bool]string{true: "allowed", false: "denied"}[judged.Allowed], printable.Text(judged.Reason))
	}
	if !judged.Allowed {
		return exit.With(shared.ExitPolicy, nil)
	}
	return nil
}

func policyExampleCommand(s surroundings) *cobra.Command {
	return &cobra.Command{
		Use: "example", Short: "a policy with comments, to start from", Args: noWords,
		Example: "  kes-respond policy example >policy.yaml",
		RunE: func(*cobra.Command, []string) error {
			if _, err := io.WriteString(s.out, policyExample); err != nil {
				return exit.With(shared.ExitFailed, err)
			}
			return nil
		},
	}
}

// policyExample is what people start from: no programs are started, servers are
// left to people, and Windows's own folders are left alone.
const policyExample = `# A policy of kes-respond. Each rule denies what meets all that it says; what
# none of them denies is allowed. Lay it at /etc/kes-respond/policy.yaml, owned by
# root and writable by nobody else (chmod 644), and try it with:
#   kes-respond sample isolateHost | kes-respond policy test
# Several policies together allow no more than each of them.
deny:
  # What a started program does is up to the program.
  - name: no programs
    tasks: [startProcess]
    reason: programs are started by hand only

  # Effects, not tasks: a scan with isolateHost is an isolation as well.
  # effects: isolates, releases, deletes, quarantines, executes, terminates,
  #          blocks, scans, reads
  - name: servers
    effects: [isolates, deletes, quarantines, executes, terminates, blocks]
    hosts: # any of these; what KSC does not say of a host counts as met
      systems: ["*Server*"]
      # names: ["DC*", "*.srv.corp.example"]
      # addresses: [10.0.0.0/24]
      # groups: [Servers]     # with the groups below
      # ids: [e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f]
    reason: servers are taken off the network by people

  # Files that are named by a hash alone, short names (~1), variables (%X%), shares
  # and data streams may be any place, so a rule about folders denies them.
  - name: system folders
    effects: [deletes, quarantines, terminates, blocks]
    folders: ['C:\Windows', 'C:\Program Files', 'C:\Program Files (x86)', 'C:\ProgramData']
    reason: what Windows and its programs need is left alone

  # - name: where users write
  #   effects: [deletes]
  #   outside: ['C:\Users', 'C:\Temp']
  #   reason: only what users have brought is deleted

# How much is sent at most, counted by the ledger over all processes that share
# it. A refusal says from when on the next is possible. What is refused, answered
# by an earlier request, or ended before it was sent does not count; releases are
# not counted and not refused by a cap that names no effect.
caps:
  - name: isolations
    effect: isolates
    perMinute: 5
    perHour: 30
    perDay: 100
    reason: more than that is a rule gone wrong
  - name: all
    perMinute: 120
    perDay: 5000
    reason: more than that is no response any more

# Different hosts isolated at once. A host counts until a release of it was stored,
# or for countedFor (168h): nobody tells that it was released in the console.
isolatedHosts:
  most: 50
  reason: that many hosts off the network is an outage

# KSC keeps 100 console tasks and drops the oldest, finished or not. From 80 that
# are not known to have finished on, callers are warned; with this the rest is kept
# for isolation.
quota: enforce
`
