package rpc

import (
	"errors"
	"fmt"
	"os"

	goplugin "github.com/hashicorp/go-plugin"
)

// Process is what Serve needs of the process that becomes a plugin. Only a main
// function can fill it in: the fields are package os's functions and variables
// of the same names.
type Process struct {
	Getenv    func(key string) string
	Setenv    func(key, value string) error
	Unsetenv  func(key string) error
	MkdirTemp func(dir, pattern string) (string, error)
	RemoveAll func(path string) error

	// Stdout and Stderr are &os.Stdout and &os.Stderr. go-plugin announces
	// itself on the first and then puts pipes of its own into both; what is
	// printed at any other time is led to standard error, where it neither
	// breaks the handshake nor fills a pipe that no host reads.
	Stdout, Stderr **os.File

	// Orphaned says whether the process that started this one has gone. On
	// Unix: whether os.Getppid gives something else than at the start.
	Orphaned func() bool
}

// The variables by which a host tells go-plugin what it wants.
const (
	envClientCert = "PLUGIN_CLIENT_CERT"
	envSocketDir  = goplugin.EnvUnixSocketDir

	// go-plugin is not told of a wish for multiplexing: its multiplexer cuts
	// answers that are under way when the plugin leaves, and never removes the
	// socket. It serves callbacks to the host, of which there are none here. The
	// host hears that it is not supported.
	envMultiplex = "PLUGIN_MULTIPLEX_GRPC"
)

func hostVariables() []string {
	return []string{
		Handshake().MagicCookieKey,
		"PLUGIN_MIN_PORT", "PLUGIN_MAX_PORT", "PLUGIN_PROTOCOL_VERSIONS", envMultiplex,
		envClientCert, envSocketDir, goplugin.EnvUnixSocketGroup,
	}
}

// Invitation is what a host said when it launched this process as its plugin.
type Invitation struct {
	process        Process
	said           map[string]string
	stdout, stderr *os.File
}

// Invited says whether a host launched this process as its plugin. If so it
// takes what the host said out of the environment, so that no child can mistake
// it for its own, and leads standard output to standard error: until Serve
// announces the plugin, one stray byte there would end it.
func Invited(p Process) (*Invitation, bool) {
	h := Handshake()
	if p.Getenv(h.MagicCookieKey) != h.MagicCookieValue {
		return nil, false
	}
	i := &Invitation{process: p, said: map[string]string{}, stdout: *p.Stdout, stderr: *p.Stderr}
	for _, name := range hostVariables() {
		if value := p.Getenv(name); value != "" {
			i.said[name] = value
		}
	}
	i.withdraw()
	return i, true
}

// restore puts everything where go-plugin looks for it.
func (i *Invitation) restore() error {
	for name, value := range i.said {
		if name == envMultiplex {
			continue
		}
		if err := i.process.Setenv(name, value); err != nil {
			return fmt.Errorf("restoring %s: %w", name, err)
		}
	}
	*i.process.Stdout, *i.process.Stderr = i.stdout, i.stderr
	return nil
}

// withdraw takes it away again.
func (i *Invitation) withdraw() {
	*i.process.Stdout, *i.process.Stderr = i.stderr, i.stderr
	for _, name := range hostVariables() {
		i.process.Unsetenv(name) // which fails for impossible names alone
	}
}

// longestSocketDir leaves room for a name in the 104 bytes that a socket's path
// may have on the narrowest system.
const longestSocketDir = 80

// socketDir makes a directory for the socket, where the path of a socket is not
// too long to listen on. remove takes it away with all that go-plugin leaves in
// it. A directory of the host's choice is the host's to make and to remove.
func (i *Invitation) socketDir(goos string) (remove func() error, err error) {
	none := func() error { return nil }
	if goos == "windows" {
		return none, nil
	}
	if dir := i.said[envSocketDir]; dir != "" {
		if len(dir) > longestSocketDir {
			return nil, fmt.Errorf("the host wants its socket in a directory whose path has %d bytes, and %d are possible: %s", len(dir), longestSocketDir, dir)
		}
		return none, nil
	}
	var tried []error
	for _, parent := range []string{i.process.Getenv("TMPDIR"), "/tmp", "/var/tmp"} {
		if parent == "" || len(parent)+len("/kes-respond-")+10 > longestSocketDir {
			continue
		}
		dir, err := i.process.MkdirTemp(parent, "kes-respond-")
		if err == nil {
			i.said[envSocketDir] = dir
			return func() error { return i.process.RemoveAll(dir) }, nil
		}
		tried = append(tried, err)
	}
	return nil, fmt.Errorf("there is no place for a socket: %w", errors.Join(tried...))
}

// errOpenToAll is why a plugin does not serve on Windows without AutoMTLS.
var errOpenToAll = errors.New("on Windows a plugin listens on a loopback port that every local user can reach: the host has to set AutoMTLS in its ClientConfig")

// refuseOpen refuses to listen where everybody could connect.
func refuseOpen(goos, clientCert string) error {
	if goos == "windows" && clientCert == "" {
		return errOpenToAll
	}
	return nil
}
