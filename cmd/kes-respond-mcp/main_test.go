package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	santhosh "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	root = "../.."
	// secret is what no output may show.
	secret = "M0del-s3cr3t-4711"
)

// built is where TestMain has put the programs.
var built string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil { // they wait more than they work
		panic(err)
	}
	os.Exit(func() int {
		var err error
		if built, err = os.MkdirTemp("", "mcp"); err == nil {
			defer os.RemoveAll(built)
		}
		for _, name := range []string{"kes-respond", "kes-respond-mcp", "ksc-emulator"} {
			if err == nil {
				err = compile(name)
			}
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

func compile(name string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", program(name), root+"/cmd/"+name)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func program(name string) string {
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	return filepath.Join(built, name)
}

const inventory = `[
 {"id":"id-of-pc-12","dn":"PC-12","fqdn":"pc-12.corp.example","netbios":"PC-12","ip":"10.0.0.12"},
 {"id":"id-of-pc-13","dn":"PC-13","fqdn":"pc-13.corp.example","netbios":"PC-13"},
 {"id":"id-of-cyrillic","dn":"Бухгалтерия-1","fqdn":"buh-1.corp.example","netbios":"BUH-1"},
 {"id":"id-of-twin-1","dn":"TWIN","fqdn":"twin.a.example","netbios":"TWIN"},
 {"id":"id-of-twin-2","dn":"TWIN","fqdn":"twin.b.example","netbios":"TWIN"}
]`

// scene is an emulated KSC, and what kes-respond needs to know of it.
type scene struct {
	t       *testing.T
	dir     string
	environ []string
	record  string
	wire    *wire
}

// wire is all that goes over the streams, and what is said beside them.
type wire struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *wire) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

func newScene(t *testing.T, emulator ...string) *scene {
	t.Helper()
	t.Parallel() // most of the time is spent on waiting
	s := &scene{t: t, dir: t.TempDir(), wire: &wire{}}
	state := filepath.Join(s.dir, "state")
	require.NoError(t, os.Mkdir(state, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "inventory.json"), []byte(inventory), 0o600))
	cmd := exec.Command(program("ksc-emulator"), append(emulator, "--listen", "127.0.0.1:0", "--user", "edr-operator", "--password", secret,
		"--ready-file", "ready", "--cert-out", "ksc.pem", "--inventory", "inventory.json", "--record", "record.jsonl")...)
	cmd.Dir = s.dir
	var said wire
	cmd.Stdout, cmd.Stderr = &said, &said
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	var ready []byte
	require.Eventually(t, func() bool {
		ready, _ = os.ReadFile(filepath.Join(s.dir, "ready"))
		return len(ready) > 0
	}, 20*time.Second, 5*time.Millisecond, "%s", &said)
	host, port, _ := strings.Cut(strings.TrimSpace(string(ready)), ":")
	s.record = filepath.Join(s.dir, "record.jsonl")
	s.environ = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "STATE_DIRECTORY=" + state, "SYSTEMROOT=" + os.Getenv("SYSTEMROOT"),
		"kscHost=" + host, "kscPort=" + port, "kscCert=" + filepath.Join(s.dir, "ksc.pem"), "kscUser=edr-operator", "kscPassword=" + secret,
	}
	t.Cleanup(func() { assert.NotContains(t, s.wire.String(), secret) })
	return s
}

// command is the program as a client starts it.
func (s *scene) command(args ...string) *exec.Cmd {
	cmd := exec.Command(program("kes-respond-mcp"), args...)
	cmd.Dir, cmd.Env, cmd.Stderr = s.dir, s.environ, s.wire
	return cmd
}

// client is a session of the official client with the program.
type client struct {
	*mcp.ClientSession
	t        *testing.T
	cmd      *exec.Cmd
	leaves   func() // closes its streams, whatever runs
	gone     func() // in the place of leaves, for one that was killed
	outputs  map[string]*santhosh.Schema
	asked    chan *mcp.ElicitParams // what a person was asked
	progress chan *mcp.ProgressNotificationParams
}

// person answers a question; nil is a client that cannot ask.
type person func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error)

// says is a person who always answers the same.
func says(action string, content map[string]any) person {
	return func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
		return &mcp.ElicitResult{Action: action, Content: content}, nil
	}
}

var agrees = says("accept", map[string]any{"carryOut": true})

// the revisions of the protocol in which a server asks differently.
const (
	newest = "2026-07-28"
	older  = "2025-06-18"
)

func (s *scene) connect(revision string, p person, args ...string) *client {
	s.t.Helper()
	c := &client{t: s.t, cmd: s.command(args...), asked: make(chan *mcp.ElicitParams, 100), progress: make(chan *mcp.ProgressNotificationParams, 1000)}
	options := &mcp.ClientOptions{ProgressNotificationHandler: func(_ context.Context, r *mcp.ProgressNotificationClientRequest) { c.progress <- r.Params }}
	if p != nil {
		options.ElicitationHandler = func(ctx context.Context, r *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			c.asked <- r.Params
			return p(ctx, r)
		}
	}
	in, err := c.cmd.StdinPipe()
	require.NoError(s.t, err)
	out, err := c.cmd.StdoutPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, c.cmd.Start())
	left := make(chan error, 1)
	var once sync.Once
	c.gone = func() { once.Do(func() { in.Close(); c.cmd.Wait() }) }
	leave := func() {
		in.Close()
		go func() { left <- c.cmd.Wait() }()
		select {
		case err := <-left:
			assert.NoError(s.t, err, "it leaves by itself, and without complaint")
		case <-time.After(time.Minute):
			c.cmd.Process.Kill()
			assert.Fail(s.t, "it does not leave")
		}
	}
	c.leaves = func() { once.Do(leave) }
	s.t.Cleanup(c.leaves)
	transport := &mcp.LoggingTransport{Transport: &mcp.IOTransport{Reader: out, Writer: in}, Writer: s.wire}
	c.ClientSession, err = mcp.NewClient(&mcp.Implementation{Name: "a client", Version: "1.2"}, options).Connect(
		s.t.Context(), transport, &mcp.ClientSessionOptions{ProtocolVersion: revision})
	require.NoError(s.t, err)
	c.outputs = map[string]*santhosh.Schema{}
	for tool, err := range c.Tools(s.t.Context(), nil) {
		require.NoError(s.t, err)
		c.outputs[tool.Name] = compiled(s.t, tool.OutputSchema)
	}
	return c
}

func compiled(t *testing.T, schema any) *santhosh.Schema {
	t.Helper()
	k := santhosh.NewCompiler()
	k.AssertFormat()
	require.NoError(t, k.AddResource("schema.json", again(t, schema)))
	s, err := k.Compile("schema.json")
	require.NoError(t, err)
	return s
}

// again is a value as it is read from its JSON.
func again(t *testing.T, v any) any {
	t.Helper()
	data, err := json.Marshal(v)
	require.NoError(t, err)
	out, err := santhosh.UnmarshalJSON(bytes.NewReader(data))
	require.NoError(t, err)
	return out
}

// given is the answer to a call: what programs read, and the words.
type given struct {
	t *testing.T
	result
	words   string
	isError bool
}

// call calls a tool and holds its answer against the schema it promised.
func (c *client) call(name string, args any) given {
	c.t.Helper()
	return c.callIn(c.t.Context(), name, args)
}

func (c *client) callIn(ctx context.Context, name string, args any) given {
	c.t.Helper()
	p := &mcp.CallToolParams{Name: name, Arguments: args}
	p.SetProgressToken(name + "-1")
	r, err := c.CallTool(ctx, p)
	require.NoError(c.t, err)
	require.NoError(c.t, c.outputs[name].Validate(again(c.t, r.StructuredContent)))
	require.Len(c.t, r.Content, 1)
	g := given{t: c.t, words: r.Content[0].(*mcp.TextContent).Text, isError: r.IsError}
	data, err := json.Marshal(r.StructuredContent)
	require.NoError(c.t, err)
	require.NoError(c.t, json.Unmarshal(data, &g.result))
	return g
}

// incidents are the bodies of the incidents that KSC was given.
func (s *scene) incidents() (all []string) {
	s.t.Helper()
	f, err := os.Open(s.record)
	require.NoError(s.t, err)
	defer f.Close()
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return all
		}
		var c struct{ Path, Body string }
		require.NoError(s.t, json.Unmarshal(line, &c))
		if strings.HasSuffix(c.Path, "AddIncident") {
			var added struct {
				Data struct {
					Body string `json:"KLINCDT_BODY"`
				} `json:"pData"`
			}
			require.NoError(s.t, json.Unmarshal([]byte(c.Body), &added))
			all = append(all, added.Data.Body)
		}
	}
}

// ledger is what kes-respond has recorded.
func (s *scene) ledger(args ...string) string {
	s.t.Helper()
	cmd := exec.Command(program("kes-respond"), append([]string{"journal", "--output", "json"}, args...)...)
	cmd.Env = s.environ
	out, err := cmd.Output()
	require.NoError(s.t, err)
	return string(out)
}
