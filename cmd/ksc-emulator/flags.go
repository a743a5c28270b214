package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/spf13/cobra"
)

// flags are the command line as typed.
type flags struct {
	listen, readyFile, certOut, identity, record, stateIn, stateOut string
	user, password, secondFactor, inventory, console                string
	mischief, scenario, serverVersion                               string
	tokens, vservers, deny, absent                                  []string
	locked                                                          bool
	clockSkew, latency, mischiefDelay                               time.Duration
	task                                                            ksctest.TaskOptions
	seed                                                            uint64
}

const example = `  # A server that loses every second answer to AddIncident after storing the incident:
  ksc-emulator --user demo --password demo --cert-out ksc.pem --ready-file ready \
    --mischief drop-after-store@HostGroup.AddIncident=0.5 --seed 7 --state-out state.json

  # In another shell:
  curl --cacert ksc.pem -H 'Authorization: KSCBasic user="ZGVtbw==", pass="ZGVtbw=="' \
    -H 'Content-Type: application/json' -d '{}' https://$(cat ready)/api/v1.0/Session.StartSession`

const long = `An emulated Kaspersky Security Center on a loopback address, for demonstrations and for testing clients.

It serves the OpenAPI over TLS: log in by connection (/api/v1.0/login), by session (Session.StartSession) or with
credentials on each call; incidents, hosts, server information, consoles and console tasks can be asked for. Without
--inventory every host id is known and no host name is. It runs until SIGTERM or SIGINT, then writes --state-out.

With the console on, an incident whose body asks for a response becomes a console task after --task-delay: scheduled, then
running, then what --task-outcome says, each for --task-delay. It waits for a host whose status lacks bit 8. After 30 days it
is gone. With --task-findings a scan raises events for what it found, GNRL_EV_VIRUS_FOUND (onDemandScan) or KLEVP_IOC_FOUND
(iocScan), in its history and in event searches; these types are a guess, not confirmed against a live KSC.

The record, and nothing else, holds passwords and tokens as clients sent them. It and the state, which holds what
incidents say, are readable by their owner only.

Inventory: a JSON list of hosts, of which only "id" must be there:
  [{"id":"e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f","dn":"PC-12","fqdn":"pc-12.example","netbios":"PC-12","ip":"10.0.0.12",
    "os":"Microsoft Windows 11","group":0,"status":29,"attributes":{"KLHST_WKS_EDR_STATUS":4}}]

Scenario: a JSON list of steps. Each is due "after" a duration since the start, or since so many incidents were stored
("afterIncident"), and "do" is one of the things listed below. Whatever is unknown in it is refused, by the number of its step:
  [{"after":"10s","do":"host-away","host":"e6a3c1d0-1f1e-4d0a-9a55-0a1b2c3d4e5f"},
   {"afterIncident":2,"after":"1m","do":"set-tasks","tasks":{"outcome":"fail","delay":"5s"}},
   {"afterIncident":3,"do":"mischief","knobs":"drop-after-store@HostGroup.AddIncident=0.5"}]

Exit codes: 0 stopped by a signal, 64 usage, 65 a file with wrong content, 69 cannot listen, 70 internal, 74 cannot read or
write a file.`

func command(stdout io.Writer) *cobra.Command {
	f := &flags{}
	cmd := &cobra.Command{
		Use: "ksc-emulator --user U --password P [flags]", Short: "An emulated Kaspersky Security Center on loopback",
		Long: long + "\n\nMischief, and the sin of a client that each brings to light:\n" + knobs(ksctest.Knobs()) +
			"\n\nOddities of console tasks, and the sin that each brings to light:\n" + knobs(ksctest.TaskOddities()) +
			"\n\nSteps of a scenario (\"do\"), with their further members (those with ? may be left out):\n" + steps(), Example: example,
		Args: cobra.NoArgs, SilenceErrors: true, SilenceUsage: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE:              func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), f, stdout) },
	}
	f.bind(cmd)
	return cmd
}

func (f *flags) bind(cmd *cobra.Command) {
	set := cmd.Flags()
	set.SortFlags = false
	set.StringVar(&f.listen, "listen", "127.0.0.1:0", "loopback `address`; port 0 picks a free one")
	set.StringVar(&f.readyFile, "ready-file", "", "`file` that gets one line host:port, last of all and at once")
	set.StringVar(&f.certOut, "cert-out", "", "`file` that gets the server's certificate as PEM")
	set.StringVar(&f.identity, "identity", "", "PEM `file` with certificate and key, made where it is not there: a restart is the same server")
	set.StringVar(&f.user, "user", "", "the one account's `name` (required)")
	set.StringVar(&f.password, "password", "", "the account's `password` (required; of the fake, so it may be seen)")
	set.StringVar(&f.secondFactor, "second-factor", "", "one-time `password` that the account demands after its password")
	set.BoolVar(&f.locked, "locked", false, "the account is blocked")
	set.StringSliceVar(&f.tokens, "token", nil, "logon `token` good for ever; may be repeated")
	set.StringSliceVar(&f.vservers, "vserver", nil, "`name` of a virtual server; may be repeated")
	set.StringSliceVar(&f.deny, "deny", nil, "`Class.Method` or Class.* that the account has no right to; may be repeated")
	set.StringSliceVar(&f.absent, "absent", nil, "`Class.Method` or Class.* that the server is too old to know; may be repeated")
	set.StringVar(&f.serverVersion, "server-version", "15.2.0.0", "`version` of KSC that the server says it is; methods that came later are not there")
	set.StringVar(&f.inventory, "inventory", "", "JSON `file` with the hosts")
	set.StringVar(&f.record, "record", "", "`file` that gets a line of JSON per request")
	set.StringVar(&f.stateIn, "state-in", "", "JSON `file` with what the server holds at the start")
	set.StringVar(&f.stateOut, "state-out", "", "JSON `file` that gets what the server holds at the end")
	set.StringVar(&f.console, "console", "on", "is a service console connected: `on|off`")
	set.DurationVar(&f.task.Delay, "task-delay", 200*time.Millisecond, "`duration` from an incident to its console task, to its start and to its end")
	set.StringVar(&f.task.Outcome, "task-outcome", "ok", "how console tasks end: `ok|warning|fail|never`")
	set.IntVar(&f.task.Limit, "task-limit", 100, "`number` of responses' console tasks, above which the oldest goes")
	set.StringVar(&f.task.Kind, "task-kind", "group", "what console tasks are: `group|global|local`")
	set.StringVar(&f.task.After, "task-after", "update", "the call that the console waits for: `update|add`")
	set.IntVar(&f.task.Findings, "task-findings", 0, "`number` of events that a scan (iocScan, onDemandScan) raises between start and end, each for what it found")
	set.StringSliceVar(&f.task.Oddities, "task-oddity", nil, "`name` of what is odd about console tasks, see above; may be repeated")
	set.DurationVar(&f.clockSkew, "clock-skew", 0, "`duration` by which the server's clock is fast, or slow if negative")
	set.DurationVar(&f.latency, "latency", 0, "`duration` that passes before each answer")
	set.StringVar(&f.mischief, "mischief", "", "`name[@Class.Method][=probability],...`, see above")
	set.DurationVar(&f.mischiefDelay, "mischief-delay", 0, "`duration` that delay and store-late take; 0 is 5s")
	set.StringVar(&f.scenario, "scenario", "", "JSON `file` with the steps that change the server as time goes by, see above")
	set.Uint64Var(&f.seed, "seed", 0, "`number` that makes mischief repeatable; 0 picks one and prints it")
	for _, name := range []string{"user", "password"} {
		if err := cmd.MarkFlagRequired(name); err != nil {
			panic(err) // a flag of ours that is not there
		}
	}
}

func knobs(list []ksctest.Knob) string {
	var b strings.Builder
	for _, k := range list {
		fmt.Fprintf(&b, "  %-18s %s\n", k.Name, k.Sin)
	}
	return strings.TrimRight(b.String(), "\n")
}

func steps() string {
	var b strings.Builder
	for _, k := range ksctest.StepKinds() {
		fmt.Fprintf(&b, "  %-23s %s\n", strings.Join(append([]string{k.Name}, k.Args...), " "), k.Does)
	}
	return strings.TrimRight(b.String(), "\n")
}

// options reads the files named and checks what only the command line can get wrong.
func (f *flags) options() (o ksctest.Options, err error) {
	if f.console != "on" && f.console != "off" {
		return o, fail(exitUsage, "--console is on or off, not %q", f.console)
	}
	if f.user == "" || f.password == "" {
		return o, fail(exitUsage, "--user and --password cannot be empty")
	}
	if err := loopback(f.listen); err != nil {
		return o, err
	}
	if f.latency < 0 || f.mischiefDelay < 0 {
		return o, fail(exitUsage, "--latency and --mischief-delay cannot be negative")
	}
	if f.task.Delay <= 0 || f.task.Limit <= 0 {
		return o, fail(exitUsage, "--task-delay and --task-limit must be above 0")
	}
	o = ksctest.Options{
		User: f.user, Password: f.password, SecondFactor: f.secondFactor, Locked: f.locked, Tokens: f.tokens,
		VServers: f.vservers, Denied: f.deny, Absent: f.absent, ConsoleOff: f.console == "off", Tasks: f.task,
		ClockSkew: f.clockSkew, Latency: f.latency, MischiefDelay: f.mischiefDelay, Seed: f.seed,
		ServerVersion: f.serverVersion,
	}
	if f.identity != "" {
		if o.Certificate, err = identity(f.identity); err != nil {
			return o, err
		}
	}
	if f.mischief != "" {
		if o.Mischief, err = ksctest.ParseMischief(f.mischief); err != nil {
			return o, fail(exitUsage, "--mischief: %w", err)
		}
	}
	if f.scenario != "" {
		if o.Scenario, err = readFile(f.scenario); err != nil {
			return o, err
		}
	}
	if f.inventory != "" {
		if err := readJSON(f.inventory, &o.Inventory); err != nil {
			return o, err
		}
		if o.Inventory == nil {
			return o, fail(exitData, "%s: a list of hosts is needed, [] for none", f.inventory)
		}
	}
	if f.stateIn != "" {
		if err := readJSON(f.stateIn, &o.State); err != nil {
			return o, err
		}
		if o.State == nil {
			return o, fail(exitData, "%s: an object with incidents and consoleTasks is needed", f.stateIn)
		}
	}
	return o, nil
}
