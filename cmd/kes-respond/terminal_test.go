//go:build linux || darwin

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// terminal is a program at a real terminal of a person who types.
type terminal struct {
	t    *testing.T
	keys *os.File
	cmd  *exec.Cmd

	mu     sync.Mutex
	screen bytes.Buffer
	ended  chan struct{}
}

func atTerminal(t *testing.T, columns uint16, env []string, name string, args ...string) *terminal {
	t.Helper()
	one := &terminal{t: t, cmd: exec.Command(name, args...), ended: make(chan struct{})}
	one.cmd.Env = env
	var err error
	one.keys, err = pty.StartWithSize(one.cmd, &pty.Winsize{Rows: 24, Cols: columns})
	require.NoError(t, err)
	go func() {
		defer close(one.ended)
		buf := make([]byte, 4096)
		for {
			n, err := one.keys.Read(buf)
			one.mu.Lock()
			one.screen.Write(buf[:n])
			one.mu.Unlock()
			if err != nil { // a pty ends with an error where its last program does
				return
			}
		}
	}()
	t.Cleanup(func() {
		one.cmd.Process.Kill() //nolint:errcheck // it may have ended
		one.keys.Close()
	})
	return one
}

func (one *terminal) shown() string {
	one.mu.Lock()
	defer one.mu.Unlock()
	return one.screen.String()
}

// waits waits until a text was shown.
func (one *terminal) waits(text string) {
	one.t.Helper()
	require.Eventually(one.t, func() bool { return strings.Contains(one.shown(), text) }, 30*time.Second, 10*time.Millisecond, "%q in %q", text, one)
}

func (one *terminal) String() string { return one.shown() }

func (one *terminal) types(text string) {
	one.t.Helper()
	_, err := io.WriteString(one.keys, text)
	require.NoError(one.t, err)
}

// end waits for the program's end, and gives its exit code and all that was shown.
func (one *terminal) end() (int, string) {
	one.t.Helper()
	select {
	case <-one.ended:
	case <-time.After(60 * time.Second):
		require.Fail(one.t, "it did not end", "%s", one)
	}
	one.cmd.Wait() //nolint:errcheck // its code is asked for
	return one.cmd.ProcessState.ExitCode(), one.shown()
}

var (
	moving  = regexp.MustCompile(`\x1b\[\d+A\x1b\[J`)
	colour  = regexp.MustCompile(`\x1b\[[\d;]*m`)
	another = regexp.MustCompile(`\x1b[^\[]|\x1b\[[^A-Za-z]*[^AJm\d;]`)
)

// stays is what is left on the screen: what a move up wipes away is gone.
func stays(shown string) string {
	kept := []string{""}
	for _, part := range regexp.MustCompile(`\x1b\[\d+A\x1b\[J|\r?\n|[^\x1b\r\n]+|.`).FindAllString(shown, -1) {
		up := 0
		switch _, err := fmt.Sscanf(part, "\x1b[%dA", &up); {
		case err == nil:
			kept = append(kept[:max(len(kept)-1-up, 0)], "")
		case strings.HasSuffix(part, "\n"):
			kept = append(kept, "")
		default:
			kept[len(kept)-1] += part
		}
	}
	return strings.Join(kept, "\n")
}

// TestBulkAtATerminal asks, shows what runs in place, and leaves a line for each
// target and a table: whatever the terminal is.
func TestBulkAtATerminal(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "", "--latency", "10ms")
	list := hostList(t, dir, 40)
	for name, c := range map[string]struct {
		columns       uint16
		env           []string
		moves, colour bool
	}{
		"wide":       {120, []string{"TERM=xterm"}, true, true},
		"narrow":     {20, []string{"TERM=xterm"}, true, true},
		"no colour":  {80, []string{"TERM=xterm", "NO_COLOR=1"}, true, false},
		"dumb":       {80, []string{"TERM=dumb"}, false, false},
		"of no size": {0, []string{"TERM=xterm"}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			one := atTerminal(t, c.columns, append(at.environment(), c.env...), program,
				"isolateHost", "--targets", list, "--hostLookup", "never", "--action", "1", "--batch", name, "--outstanding", "0")
			one.waits("Send it? [y/N] ")
			assert.Contains(t, one.shown(), "isolateHost (isolates) on 40 hosts with {\"action\":1}:\r\n  id-0, id-1, id-2, id-3, id-4 and 35 more\r\n")
			one.types("y\n")
			code, shown := one.end()
			assert.Equal(t, 0, code, shown)
			assert.Equal(t, c.moves, moving.MatchString(shown), "it moves: %q", shown)
			assert.Equal(t, c.colour, colour.MatchString(shown))
			assert.NotRegexp(t, another, shown)
			if c.moves && c.columns > 0 {
				for _, frame := range strings.Split(shown, "\r\n") {
					frame = colour.ReplaceAllString(moving.ReplaceAllString(frame, ""), "")
					if strings.HasPrefix(frame, "  id-") && !strings.Contains(frame, "more") || strings.HasPrefix(frame, "OUTCOME") || regexp.MustCompile(`^\d+/40`).MatchString(frame) {
						assert.LessOrEqual(t, runewidth.StringWidth(frame), int(c.columns), "%q", frame)
					}
				}
			}
			left := colour.ReplaceAllString(stays(shown), "")
			assert.Equal(t, 40, strings.Count(left, "\nsubmitted: id-"), "%s", left)
			assert.Contains(t, left, "\nOUTCOME")
			assert.NotContains(t, left, "/40", "the bar is gone")
			assert.True(t, strings.HasSuffix(left, "kes-respond: 40 targets: 40 submitted\n"), "%q", left)
		})
	}
	t.Run("no", func(t *testing.T) {
		one := atTerminal(t, 80, append(at.environment(), "TERM=xterm"), program,
			"isolateHost", "--targets", list, "--hostLookup", "never", "--action", "1", "--batch", "none")
		one.waits("Send it? [y/N] ")
		one.types("\n")
		code, shown := one.end()
		assert.Equal(t, 6, code)
		assert.Contains(t, shown, "not confirmed: nothing was sent")
	})
	t.Run("interrupted at the question", func(t *testing.T) {
		one := atTerminal(t, 80, append(at.environment(), "TERM=xterm"), program,
			"isolateHost", "--targets", list, "--hostLookup", "never", "--action", "1", "--batch", "none")
		one.waits("Send it? [y/N] ")
		one.types("\x03")
		code, shown := one.end()
		assert.Equal(t, 6, code, shown)
		assert.Contains(t, shown, "not answered: nothing was sent or written")
	})
	t.Run("only what is left to be sent", func(t *testing.T) {
		files := filepath.Join(dir, "files.csv")
		bulk := func(rows string) *terminal {
			require.NoError(t, os.WriteFile(files, []byte("targetHost,path\n"+rows), 0o600))
			return atTerminal(t, 120, append(at.environment(), "TERM=xterm"), program,
				"deleteFile", "--targets", files, "--hostLookup", "never", "--batch", "rest", "--outstanding", "0")
		}
		first := "id-0,C:\\a\nid-0,C:\\b\nid-1,C:\\a\n"
		one := bulk(first)
		one.waits("Send it? [y/N] ")
		assert.Contains(t, one.shown(), "deleteFile (deletes) on 2 hosts, 3 targets, with parameters of each line's own:\r\n  id-0, id-1\r\n")
		one.types("y\n")
		code, shown := one.end()
		require.Equal(t, 0, code, shown)
		one = bulk(first + "id-2,C:\\b\n")
		one.waits("Send it? [y/N] ")
		assert.Contains(t, one.shown(), "deleteFile (deletes) on 1 host with {\"md5hash\":\"\",\"path\":\"C:\\\\b\",\"sha256hash\":\"\"}:\r\n  id-2\r\n  3 other targets sent before in batch rest and not sent again\r\n")
		one.types("\n")
		code, shown = one.end()
		assert.Equal(t, 6, code, shown)
		one = bulk(first)
		code, shown = one.end() // nobody is asked where nothing is to be sent
		assert.Equal(t, 0, code, shown)
		assert.NotContains(t, shown, "[y/N]")
		assert.Contains(t, shown, "for 3 of them an earlier run answers: those were not sent again")
	})
	orders := at.orders(t, dir)
	assert.Len(t, orders, 40)
	for host, n := range orders {
		assert.Equal(t, 5+map[string]int{"id-0": 2, "id-1": 1}[host], n, host)
	}
}

// TestOneRequestAtATerminal is one line that changes, and then the result; each
// step where that is wanted, and nothing but the end where that is.
func TestOneRequestAtATerminal(t *testing.T) {
	program := build(t, "kes-respond", t.TempDir())
	dir := t.TempDir()
	at := startEmulator(t, dir, "", "", "--latency", "100ms")
	ask := func(t *testing.T, args ...string) string {
		t.Helper()
		one := atTerminal(t, 60, append(at.environment(), "TERM=xterm"), program,
			append([]string{"getFile", "--targetHost", "id-1", "--hostLookup", "never", "--path", `C:\a`, "--allowDuplicate", "true"}, args...)...)
		code, shown := one.end()
		assert.Equal(t, 0, code, shown)
		return shown
	}
	shown := ask(t)
	assert.Contains(t, shown, "getFile on id-1: asking KSC")
	assert.Contains(t, shown, "getFile on id-1: sending to id-1")
	left := colour.ReplaceAllString(stays(shown), "")
	assert.NotContains(t, left, "getFile on id-1: ")
	assert.True(t, strings.HasPrefix(left, "submitted: KSC has stored the request"), "%q", left)
	assert.Regexp(t, `(?m)^  host: id-1$`, left, "which host was found is there to be looked at")
	assert.Regexp(t, `(?m)^  host: id-1$`, stays(ask(t, "--dryRun", "true")))

	shown = ask(t, "--verbose", "true")
	assert.NotRegexp(t, moving, shown)
	assert.Contains(t, shown, "\r\naccepted: host id-1\r\n")
	assert.Contains(t, shown, "\r\nincident: 2 on server default\r\n")
	assert.Regexp(t, `(?m)^kes-respond: KSC default: HostGroup\.AddIncident, \d{3} ms: answered\r$`, shown)

	shown = colour.ReplaceAllString(ask(t, "--quiet", "true"), "")
	assert.Equal(t, "submitted: KSC has stored the request; that a host has acted on it is not known yet\r\n", shown)
	one := atTerminal(t, 60, at.environment(), program, "status", "1", "--quiet", "true", "--verbose", "true")
	code, shown := one.end()
	assert.Equal(t, 64, code)
	assert.Contains(t, shown, "--quiet and --verbose exclude each other")
	assert.FileExists(t, filepath.Join(dir, "ready"))
}
