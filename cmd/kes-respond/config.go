package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"runtime"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/strict"
	"github.com/kes-respond/kes-respond/shared"
)

// configFile is config.yaml. The schema "config" says what may stand in it,
// and a test holds the two together.
type configFile struct {
	serverFile
	Area          string                `json:"responseEventIncidentArea"`
	Servers       map[string]serverFile `json:"servers"`
	DefaultServer string                `json:"defaultServer"`
	Policy        string                `json:"policy"`
	Ledger        ledgerFile            `json:"ledger"`
	Mark          *bool                 `json:"markIncidents"` // nil: yes
	Resend        bool                  `json:"resendAfterSearch"`
	Connections   *bool                 `json:"requestConnections"` // nil: yes
	FollowCalls   *int                  `json:"followCalls"`        // nil: plugin.DefaultFollowCalls
	path          string
}

// file reads the configuration, or an empty one where none is found in the
// usual places. A file that was named must exist.
func (f settingsFlags) file(s surroundings) (configFile, error) {
	named := s.getenv("KES_RESPOND_CONFIG")
	if f.config != nil && f.config.set {
		named = f.config.value
	}
	if named != "" {
		return readConfig(named)
	}
	places := []string{"/etc/kes-respond/config.yaml"}
	if resolved, err := filepath.EvalSymlinks(s.executable); err == nil {
		places = append([]string{filepath.Join(filepath.Dir(resolved), "config.yaml")}, places...)
	}
	for _, place := range places {
		file, err := readConfig(place)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
	}
	return configFile{}, nil
}

// readConfig reads the configuration.
func readConfig(path string) (configFile, error) {
	file := configFile{path: path}
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

// sense names what the schema cannot.
func (c configFile) sense() []shared.Violation {
	var found []shared.Violation
	look := func(at string, s serverFile) {
		if len(s.PasswordCommand) > 0 && !filepath.IsAbs(s.PasswordCommand[0]) {
			found = append(found, shared.Violation{Pointer: at + "/kscPasswordCommand/0", Message: "must be the full path of a program"})
		}
	}
	look("", c.serverFile)
	for name, s := range c.Servers {
		look(shared.Pointer("servers", name), s)
	}
	return append(found, c.Ledger.sense(runtime.GOOS)...)
}

// rooted makes relative paths start in the file's own folder.
func (c configFile) rooted(path string) (configFile, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return c, err
	}
	folder := filepath.Dir(full)
	c.serverFile = c.from(folder)
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
