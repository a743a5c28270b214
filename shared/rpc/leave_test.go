package rpc_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/sharedtest"
)

// TestHostKilled: a host that is killed takes the plugin along, whether it was
// busy or idle; nothing is half sent, and the socket goes too.
func TestHostKilled(t *testing.T) {
	t.Parallel()
	for name, many := range map[string]int{"busy": 100, "idle": 0} {
		t.Run(name, func(t *testing.T) {
			sockets, file := shortDir(t), filepath.Join(t.TempDir(), "record")
			alive, held, err := os.Pipe() // ends when neither host nor plugin is there
			require.NoError(t, err)
			defer alive.Close()
			host := exec.CommandContext(t.Context(), os.Args[0])
			host.Env = append(os.Environ(), roleKey+"=host", "RPC_TEST_REQUESTS="+strconv.Itoa(many), "TMPDIR="+sockets, recordKey+"="+file)
			host.ExtraFiles = []*os.File{held}
			host.Stderr = os.Stderr
			stdin, err := host.StdinPipe()
			require.NoError(t, err)
			defer stdin.Close()
			stdout, err := host.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, host.Start())
			require.NoError(t, held.Close())
			line, err := bufio.NewReader(stdout).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "all run\n", line)
			require.Len(t, entries(t, sockets), 1, "the socket")

			killed := time.Now()
			require.NoError(t, host.Process.Kill())
			host.Wait()
			_, err = io.ReadAll(alive)
			require.NoError(t, err)
			t.Logf("the plugin was gone %s after its host", time.Since(killed).Round(time.Millisecond))
			assert.Empty(t, entries(t, sockets))
			sent(t, file)
		})
	}
}

// hold starts requests and waits until they run; join waits for their results.
func hold(t *testing.T, l launched, task string, many int) (join func() []shared.Result) {
	var running, done sync.WaitGroup
	results := make([]shared.Result, many)
	running.Add(many)
	for n := range many {
		done.Go(func() {
			r := ask(strconv.Itoa(n), task)
			r.Wait = shared.WaitDone
			_, results[n] = sharedtest.Ask(t.Context(), t, l, r, func(e shared.Event) {
				if e.Accepted != nil {
					running.Done()
				}
			})
		})
	}
	running.Wait()
	return func() []shared.Result { done.Wait(); return results }
}

// TestKillDrains: go-plugin cuts what runs when the host ends the plugin. Here
// every request is told to stop, what was being sent is sent, and the host
// hears how each ended before the connection is cut.
func TestKillDrains(t *testing.T) {
	t.Parallel()
	l := launch(t)
	sending := hold(t, l, "send", 20)
	l.host.Kill()
	for _, r := range sending() {
		assert.Contains(t, []shared.Outcome{shared.Pending, shared.Cancelled}, r.Outcome, "%+v", r)
	}
	l.gone(t)
	sent(t, l.record)
	result := l.Respond(t.Context(), ask("after", "quick"), func(shared.Event) {})
	assert.Equal(t, shared.Failed, result.Outcome, "nothing was sent to a plugin that is not there")
	assert.Equal(t, shared.CarrierLost, result.Error.Code)
}

// TestSecondKill: go-plugin's second Kill kills at once where the first still
// waits. Here it waits as well.
func TestSecondKill(t *testing.T) {
	t.Parallel()
	l := launch(t)
	sending := hold(t, l, "send", 20)
	var kills sync.WaitGroup
	for range 2 {
		kills.Go(l.host.Kill)
	}
	kills.Wait()
	for _, r := range sending() {
		assert.Contains(t, []shared.Outcome{shared.Pending, shared.Cancelled}, r.Outcome, "%+v", r)
	}
	l.exited(t)
	assert.Empty(t, entries(t, l.sockets))
	sent(t, l.record)
}

// TestTerminated: SIGTERM has the plugin leave as Kill does.
func TestTerminated(t *testing.T) {
	t.Parallel()
	for name, task := range map[string]string{"while it waits": "hold", "while it sends": "send"} {
		t.Run(name, func(t *testing.T) {
			l := launch(t)
			join := hold(t, l, task, 5)
			require.NoError(t, l.process.Signal(syscall.SIGTERM))
			for _, r := range join() {
				assert.Contains(t, []shared.Outcome{shared.Pending, shared.Cancelled}, r.Outcome, "%+v", r)
			}
			l.gone(t)
			sent(t, l.record)
		})
	}
}

// TestInterrupted: Ctrl-C in a terminal reaches host and plugin. The plugin
// leaves it to the host.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	l := launch(t)
	join := hold(t, l, "send", 1)
	require.NoError(t, l.process.Signal(os.Interrupt))
	_, err := l.Describe(t.Context(), "")
	require.NoError(t, err)
	l.host.Kill()
	assert.Equal(t, shared.Pending, join()[0].Outcome)
	l.gone(t)
}

// TestPluginDies: a plugin that is lost leaves the outcome unknown once the
// request may have reached it, and says what was heard until then.
func TestPluginDies(t *testing.T) {
	t.Parallel()
	l := launch(t)
	heard, result := sharedtest.Ask(t.Context(), t, l, ask("1", "die"), func(e shared.Event) {
		if e.Progress != nil {
			assert.NoError(t, l.process.Kill())
		}
	})
	assert.Len(t, heard, 2)
	assert.Equal(t, shared.Unknown, result.Outcome)
	assert.Equal(t, shared.CarrierLost, result.Error.Code)
	assert.Equal(t, "the plugin ended without a result: the request may have been carried out", result.Message)
	assert.Equal(t, &shared.Host{ID: "host-1"}, result.Host)
	assert.Equal(t, &shared.Incident{ID: "4711"}, result.Incident)
	assert.Error(t, l.Close(t.Context()), "not all went well")

	l = launch(t)
	heard, result = sharedtest.Ask(t.Context(), t, l, ask("2", "die first"), nil)
	assert.Empty(t, heard)
	assert.Equal(t, shared.Unknown, result.Outcome, "it was not accepted, but nobody can know")
	assert.Equal(t, shared.CarrierLost, result.Error.Code)
	l.exited(t)
	_, result = sharedtest.Ask(t.Context(), t, l, ask("3", "quick"), nil)
	assert.Equal(t, shared.Failed, result.Outcome, "nothing left the host")
	assert.Equal(t, shared.CarrierLost, result.Error.Code)
	_, err := l.Describe(t.Context(), "")
	var e *shared.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, shared.CarrierLost, e.Code)
	assert.Error(t, l.Close(t.Context()))
}

// TestStuck: a request that does not end when it should is unknown once the
// grace is over, and the plugin leaves without it.
func TestStuck(t *testing.T) {
	t.Parallel()
	l := launch(t, variable(optionsKey, `{"Grace":100000000}`))
	join := hold(t, l, "stuck", 1)
	require.NoError(t, l.process.Signal(syscall.SIGTERM))
	r := join()[0]
	assert.Equal(t, shared.Unknown, r.Outcome)
	assert.Equal(t, shared.Internal, r.Error.Code)
	assert.Equal(t, "it had not ended when the plugin had to leave: it may have been sent", r.Message)
	l.exited(t)
	assert.Contains(t, l.log.String(), "requests had not ended when the time to leave had come: 1")
	assert.Empty(t, entries(t, l.sockets))
}

// TestHostDoesNotRead: a host that reads no events holds up neither the
// Responder that is told to stop, nor the plugin that leaves.
func TestHostDoesNotRead(t *testing.T) {
	t.Parallel()
	l := launch(t)
	reading, read := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var group sync.WaitGroup
	group.Go(func() {
		_, result := sharedtest.Ask(t.Context(), t, l, ask("1", "flood"), func(shared.Event) {
			once.Do(func() { close(reading) })
			<-read
		})
		assert.Contains(t, []shared.Outcome{shared.Submitted, shared.Unknown}, result.Outcome, "its result may not have got through")
	})
	<-reading
	_, result := sharedtest.Ask(t.Context(), t, l, ask("2", "until the flood has stopped"), nil)
	assert.Equal(t, shared.Submitted, result.Outcome, "another request does not wait")
	require.NoError(t, l.process.Signal(syscall.SIGTERM))
	l.exited(t)
	assert.Equal(t, []string{"flood"}, sent(t, l.record), "the Responder came to its end")
	close(read)
	group.Wait()
	l.gone(t)
}

// TestCloseEndsThePlugin: a Client that Launch made ends its plugin with it.
func TestCloseEndsThePlugin(t *testing.T) {
	t.Parallel()
	sockets := shortDir(t)
	plugin := exec.Command(os.Args[0])
	plugin.Env = []string{"TMPDIR=" + sockets}
	client, err := launchBy(t, plugin)
	require.NoError(t, err)
	d, err := client.Describe(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, "script", d.Name)
	require.Len(t, entries(t, sockets), 1)
	require.NoError(t, client.Close(t.Context()))
	assert.NotNil(t, plugin.ProcessState, "the process has ended")
	assert.Empty(t, entries(t, sockets))
	require.NoError(t, client.Close(t.Context()), "once more")
}
