package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/anchor"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/plugin/journal"
)

// ledger is where the ledger is and how it is kept.
type ledger struct {
	from    surroundings
	file    config.Ledger
	options journal.Options // without the user, who is not asked for before it is opened
}

func ledgerOf(l config.Ledger, s surroundings) ledger {
	keep, window := l.Times()
	if l.DuplicateWindow != "" && window == 0 {
		window = -1 // never; 0 is the default
	}
	o := journal.Options{
		PID: s.pid, Group: l.Group, KeepFor: keep, DuplicateWindow: window,
		MaxBytes: int64(l.MaxMegabytes) << 20, Step: s.step,
	}
	if a := anchor.New(l.AnchorFile, l.AnchorSyslog); a != nil {
		o.Anchor = a
	}
	return ledger{s, l, o}
}

// open opens the ledger for requests, and makes it where there is none.
func (l ledger) open(ctx context.Context) (*journal.Journal, error) {
	dir, who, err := l.place()
	if err != nil {
		return nil, err
	}
	o := l.options
	o.User = who.name
	return journal.Open(ctx, dir, o)
}

// read opens the ledger to look at it, and changes nothing.
func (l ledger) read(ctx context.Context) (*journal.Journal, error) {
	dir, _, err := l.place()
	if err != nil {
		return nil, err
	}
	return journal.Open(ctx, dir, journal.Options{Group: l.options.Group, ReadOnly: true})
}

// place is the configured directory, else the system's standard one.
func (l ledger) place() (string, account, error) {
	who := l.from.account()
	if l.file.Directory != "" {
		return l.file.Directory, who, nil
	}
	dir, err := standardPlace(runtime.GOOS, who, l.from.getenv)
	return dir, who, err
}

// standardPlace is where a system keeps what programs remember. No variable
// switches the ledger off: at most another user's place is named, which the
// ledger refuses.
func standardPlace(system string, who account, getenv func(string) string) (string, error) {
	const name = "kes-respond"
	home := who.home
	if h := getenv("HOME"); h != "" && system != "windows" {
		home = h
	}
	state, _, _ := strings.Cut(getenv("STATE_DIRECTORY"), ":") // systemd's; a list
	xdg := getenv("XDG_STATE_HOME")
	switch {
	case system == "windows":
		for _, variable := range []string{"LocalAppData", "ProgramData"} {
			if folder := getenv(variable); folder != "" {
				return filepath.Join(folder, name, "ledger"), nil
			}
		}
	case state != "":
		return filepath.Join(state, "ledger"), nil
	case who.root:
		return filepath.Join("/var/lib", name, "ledger"), nil
	case system == "darwin" && home != "":
		return filepath.Join(home, "Library", "Application Support", name, "ledger"), nil
	case system != "darwin" && filepath.IsAbs(xdg): // by its standard a relative one does not count
		return filepath.Join(xdg, name, "ledger"), nil
	case system != "darwin" && home != "":
		return filepath.Join(home, ".local", "state", name, "ledger"), nil
	}
	return "", &journal.Error{
		Kind: journal.Place, Message: "there is no place for the ledger: this user has no home folder",
		Assistance: "Set ledger.directory in the configuration to a directory of this user's own, on a disk of this machine.",
	}
}

// noLedger says that nothing of a ledger is in a directory, or that there is no
// such directory: nobody has sent anything from here yet.
func noLedger(dir string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	for _, e := range entries {
		if n := e.Name(); n == "key" || n == "index" || strings.HasPrefix(n, "ledger-") {
			return false
		}
	}
	return true
}
