package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/kes-respond/kes-respond/plugin/journal"
	"github.com/kes-respond/kes-respond/shared"
)

// ledgerFile is "ledger" in a configuration. Nothing in it, and no flag or
// variable, switches the ledger off.
type ledgerFile struct {
	Directory       string           `json:"directory"`
	Group           bool             `json:"group"`
	KeepFor         shared.Duration  `json:"keepFor"`
	MaxMegabytes    int64            `json:"maxMegabytes"`
	DuplicateWindow *shared.Duration `json:"duplicateWindow"`
	AnchorFile      string           `json:"anchorFile"`
	AnchorSyslog    bool             `json:"anchorSyslog"`
}

// The bounds of what a configuration may say of the ledger.
const (
	leastKeepFor = 24 * time.Hour
	mostWindow   = 24 * time.Hour
)

// sense names what the schema cannot.
func (l ledgerFile) sense() []shared.Violation {
	var found []shared.Violation
	add := func(name, message string) {
		found = append(found, shared.Violation{Pointer: shared.Pointer("ledger", name), Message: message})
	}
	if l.KeepFor != 0 && time.Duration(l.KeepFor) < leastKeepFor {
		add("keepFor", "must be at least 24h")
	}
	if w := l.DuplicateWindow; w != nil && (*w < 0 || time.Duration(*w) > mostWindow) {
		add("duplicateWindow", "must lie from 0s, which switches it off, to 24h")
	}
	if l.AnchorSyslog && !hasSyslog {
		add("anchorSyslog", "there is no syslog on this system; use anchorFile")
	}
	return found
}

func (l ledgerFile) from(folder string) ledgerFile {
	for _, path := range []*string{&l.Directory, &l.AnchorFile} {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(folder, *path)
		}
	}
	return l
}

// open is how the ledger is opened when it is first needed.
func (l ledgerFile) open(s surroundings) func(context.Context) (*journal.Journal, error) {
	return func(ctx context.Context) (*journal.Journal, error) {
		dir, err := l.directory(s)
		if err != nil {
			return nil, err
		}
		return journal.Open(ctx, dir, l.options(s))
	}
}

func (l ledgerFile) options(s surroundings) journal.Options {
	o := journal.Options{
		User: osUser(), PID: os.Getpid(), Group: l.Group, Step: s.step,
		KeepFor: time.Duration(l.KeepFor), MaxBytes: l.MaxMegabytes << 20,
	}
	if w := l.DuplicateWindow; w != nil {
		if o.DuplicateWindow = time.Duration(*w); *w == 0 {
			o.DuplicateWindow = -1
		}
	}
	if l.AnchorFile != "" || l.AnchorSyslog {
		o.Anchor = &anchor{file: l.AnchorFile, syslog: l.AnchorSyslog}
	}
	return o
}

// osUser is who runs this process. It goes by the system's own list, never by
// the environment.
func osUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

// directory is where the ledger lies: as configured, or in the standard place.
func (l ledgerFile) directory(s surroundings) (string, error) {
	if l.Directory != "" {
		return l.Directory, nil
	}
	dir := standardPlace(runtime.GOOS, os.Geteuid() == 0, s.getenv)
	if dir == "" {
		return "", &journal.Error{
			Kind: journal.Place, Message: "there is no standard place for the ledger: this user has no home directory",
			Assistance: "Set ledger.directory in the configuration.",
		}
	}
	return filepath.Join(dir, "ledger"), nil
}

// standardPlace is the folder for what a program keeps; "" where there is none.
// systemd's StateDirectory= comes first, as it is given for this very program.
func standardPlace(system string, root bool, getenv func(string) string) string {
	if dir, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(dir) && system == "linux" {
		return dir
	}
	const name = "kes-respond"
	under := func(base string, steps ...string) string {
		if !filepath.IsAbs(base) {
			return ""
		}
		return filepath.Join(append(append([]string{base}, steps...), name)...)
	}
	switch {
	case system == "windows":
		return firstOf(under(getenv("LocalAppData")), under(getenv("ProgramData")))
	case system == "darwin" && !root:
		return under(home(getenv), "Library", "Application Support")
	case root:
		return "/var/lib/" + name
	}
	return firstOf(under(getenv("XDG_STATE_HOME")), under(home(getenv), ".local", "state"))
}

func home(getenv func(string) string) string {
	if dir := getenv("HOME"); filepath.IsAbs(dir) {
		return dir
	}
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.HomeDir
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// anchor gets the head of the ledger's chain, outside of its directory.
type anchor struct {
	file   string
	syslog bool
	to     []io.Writer // opened with the first line
}

// Write writes a line to each place that it has. A place that fails does not
// keep it from the others.
func (a *anchor) Write(line []byte) (int, error) {
	var errs []error
	if a.to == nil {
		if a.file != "" {
			f, err := openAnchor(a.file)
			if errs = append(errs, err); err == nil {
				a.to = append(a.to, f)
			}
		}
		if a.syslog {
			w, err := openSyslog()
			if errs = append(errs, err); err == nil {
				a.to = append(a.to, w)
			}
		}
	}
	for _, w := range a.to {
		_, err := w.Write(line)
		errs = append(errs, err)
	}
	return len(line), errors.Join(errs...)
}
