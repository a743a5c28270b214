package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/assert"

	"github.com/kes-respond/kes-respond/plugin/task"
)

// typed runs the program on a command line, with nothing around it.
func typed(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	place := t.TempDir()
	code = run(t.Context(), surroundings{
		args: append([]string{"kes-respond"}, args...), in: strings.NewReader(""), out: &o, err: &e, getenv: environ("STATE_DIRECTORY", place),
		account: func() account { return account{name: "tester", home: place} }, pid: 1,
	})
	return code, o.String(), e.String()
}

// TestAPasswordOnACommandLineIsRefused before anything else is looked at, with
// the sources that there are, and without a word of it.
func TestAPasswordOnACommandLineIsRefused(t *testing.T) {
	const secret = "Hunter2"
	isolate := []string{"isolateHost", "--targetHost", "a", "--action", "1"}
	for _, args := range [][]string{
		append(isolate[:5:5], "--kscPassword", secret), append(isolate[:5:5], "--kscPassword="+secret), append(isolate[:5:5], "--password", secret), append(isolate[:5:5], "--password="+secret),
		append(isolate[:5:5], "--PASSWORD="+secret), append(isolate[:5:5], "--ksc-password", secret), append(isolate[:5:5], "--ksc_password="+secret), append(isolate[:5:5], "--KSC_PASSWORD="+secret),
		append(isolate[:5:5], "-password", secret), append(isolate[:5:5], "-p", secret), append(isolate[:5:5], "-p"+secret), append(isolate[:5:5], "-P"+secret), append(isolate[:5:5], "--pwd", secret),
		append(isolate[:5:5], "--password"+secret), append(isolate[:5:5], "--passwd", secret), append(isolate[:5:5], "--secret="+secret), append(isolate[:5:5], "kscPassword="+secret),
		append(isolate[:5:5], "--", "--password="+secret), append(isolate[:5:5], "--actor", "--password="+secret), append(isolate[:5:5], "--dryRun", "--kscPassword", secret),
		append(isolate[:5:5], "--kscPasswordFile", secret), append(isolate[:5:5], "---password", secret),
		{"--kscPassword", secret, "isolateHost"},
		{"--kscPassword=" + secret},
		{"check", "--kscPassword", secret},
		{"serve", "--password=" + secret},
		{"nonsense", "--password", secret},
		{"serve", "--config", "nowhere", "--kscPassword", secret},
		{"policy", "test", "-p", secret},
		{"help", "--password=" + secret},
		{"status", "1", "--token=" + secret},
		{"kscPassword=" + secret},
		{"serve", "--KSC_PASSWORD=" + secret},
		{"serve", "--pa\u017f\u017fword=" + secret},
		{"serve", "--to\u212aen=" + secret},
	} {
		code, out, errs := typed(t, args...)
		assert.Equal(t, 64, code, "%q", args)
		assert.Empty(t, out, "%q", args)
		for _, source := range []string{"no password is taken from a command line", "kscPassword)", "chmod 600", "kscPasswordFile", "kscPasswordCommand", "systemd credential", "change it", "Nothing was sent."} {
			assert.Contains(t, errs, source, "%q", args)
		}
		assert.NotContains(t, errs, secret, "%q", args)
	}
}

// TestWhatIsNoPasswordIsNotTakenForOne: parameters of tasks above all.
func TestWhatIsNoPasswordIsNotTakenForOne(t *testing.T) {
	for _, args := range [][]string{
		{"startProcess", "--arguments", "--password=x"},
		{"startProcess", "--arguments=--password x"},
		{"deleteFile", "--path", `C:\secret=1\password.txt`},
		{"deleteFile", "--path=C:\\passwords"},
		{"isolateHost", "--reason", "the password was stolen"},
		{"isolateHost", "--reason", "--password is wrong"},
		{"isolateHost", "--targetHost", "PWD-12"},
		{"isolateHost", "--targetHost", "-x"},
		{"isolateHost", "--params", `{"password":1}`},
		{"serve"},
		{"--help"},
		{"-h"},
		{},
	} {
		assert.False(t, passwordTyped(args), "%q", args)
	}
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			assert.False(t, passwordTyped([]string{"--" + f.Name}), "%s has a flag that looks like a password: --%s", c.Name(), f.Name)
			assert.NotEqual(t, "p", strings.ToLower(f.Shorthand), "%s --%s", c.Name(), f.Name)
		})
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	args := []string{"kes-respond"}
	for _, one := range task.All() {
		args = append(args, one.Name)
	}
	look(commands(surroundings{args: args, getenv: environ()}))
}
