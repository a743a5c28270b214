// Package config reads what the configuration and the environment say: where KSC is
// and as whom to log in, which policy counts, and how the ledger is kept. Nothing of
// it prints a password.
package config

import (
	"path/filepath"
	"runtime"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/strict"
	"github.com/kes-respond/kes-respond/shared"
)

// File is config.yaml. The schema "config" says what may stand in it, and a test
// holds the two together.
type File struct {
	Server
	Area          string            `json:"responseEventIncidentArea"`
	Servers       map[string]Server `json:"servers"`
	DefaultServer string            `json:"defaultServer"`
	Policy        string            `json:"policy"`
	Ledger        Ledger            `json:"ledger"`
	Mark          *bool             `json:"markIncidents"` // nil: yes
	Resend        bool              `json:"resendAfterSearch"`
	Connections   *bool             `json:"requestConnections"` // nil: yes
	FollowCalls   *int              `json:"followCalls"`        // nil: plugin.DefaultFollowCalls
	Path          string            `json:"-"`
}

// Read reads a configuration, which must be ours or root's and writable by nobody
// else. What is wrong with it is named, all of it and no value. Relative paths in it
// start in its own folder.
func Read(path string) (File, error) {
	file := File{Path: path}
	return file, strict.Read(path, "config", &file, func() ([]shared.Violation, error) {
		found := file.sense()
		if len(found) > 0 {
			return found, nil
		}
		var err error
		file, err = file.rooted(path)
		return nil, err
	})
}

// Parse is Read of a text that is not in its place yet. Relative paths stay as they
// are.
func Parse(path string, text []byte) (File, error) {
	file := File{Path: path}
	err := strict.Parse(path, text, "config", &file, func() ([]shared.Violation, error) { return file.sense(), nil })
	return file, err
}

// sense names what the schema cannot.
func (c File) sense() []shared.Violation {
	var found []shared.Violation
	look := func(at string, s Server) {
		if len(s.PasswordCommand) > 0 && !filepath.IsAbs(s.PasswordCommand[0]) {
			found = append(found, shared.Violation{Pointer: at + "/kscPasswordCommand/0", Message: "must be the full path of a program"})
		}
	}
	look("", c.Server)
	for name, s := range c.Servers {
		look(shared.Pointer("servers", name), s)
	}
	return append(found, c.Ledger.sense(runtime.GOOS)...)
}

// rooted makes relative paths start in the file's own folder.
func (c File) rooted(path string) (File, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return c, err
	}
	folder := filepath.Dir(full)
	c.Server = c.from(folder)
	for name, s := range c.Servers {
		c.Servers[name] = s.from(folder)
	}
	c.Policy = rootedIn(folder, c.Policy)
	c.Ledger.Directory = rootedIn(folder, c.Ledger.Directory)
	c.Ledger.AnchorFile = rootedIn(folder, c.Ledger.AnchorFile)
	return c, nil
}

// rootedIn makes a relative path start in a folder: the one that a SIEM starts
// us in is anyone's guess.
func rootedIn(folder, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(folder, path)
}
