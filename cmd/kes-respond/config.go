package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/kes-respond/kes-respond/shared"
)

// configFile is config.yaml. The schema "config" says what may stand in it,
// and a test holds the two together.
type configFile struct {
	serverFile
	Area          string                `json:"responseEventIncidentArea"`
	Servers       map[string]serverFile `json:"servers"`
	DefaultServer string                `json:"defaultServer"`
	Ledger        ledgerFile            `json:"ledger"`
	Mark          *bool                 `json:"markIncidents"`
	Resend        bool                  `json:"resendAfterSearch"`
	path          string
}

// configError names all that is wrong in a configuration. It quotes the names
// of settings, never their values.
type configError struct {
	path  string
	found []shared.Violation
	lines map[string]int // by pointer
}

func (e *configError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s breaks the rules for configurations:", e.path)
	for i, v := range e.found {
		if i == shared.MaxListed {
			fmt.Fprintf(&b, "\n  and %d more", len(e.found)-i)
			break
		}
		at := v.Pointer
		if at == "" {
			at = "the whole"
		}
		if line := e.lines[v.Pointer]; line > 0 {
			at += fmt.Sprintf(" (line %d)", line)
		}
		fmt.Fprintf(&b, "\n  %s %s", at, v.Message)
	}
	return b.String()
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

// readConfig reads a file that nobody else can have written, strictly: YAML
// becomes JSON member for member, and that is checked as a request is, then
// against the schema.
func readConfig(path string) (configFile, error) {
	file := configFile{path: path}
	data, err := readTrusted(path, writableByOthers)
	if err != nil {
		return file, err
	}
	y, err := readYAML(data)
	if err != nil {
		return file, fmt.Errorf("%s: %w", path, err)
	}
	if y == nil {
		return file, nil
	}
	found := y.found
	if len(found) == 0 {
		if found, err = shared.CheckJSON(y.json.Bytes()); err != nil {
			return file, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(found) == 0 {
		if found, err = checkConfig(y.json.Bytes()); err != nil {
			return file, fmt.Errorf("%s: %w", path, err)
		}
	}
	if len(found) == 0 {
		if err := json.Unmarshal(y.json.Bytes(), &file); err != nil {
			return file, fmt.Errorf("%s: the schema let through what cannot be read: %T", path, err)
		}
		found = file.sense()
	}
	if len(found) > 0 {
		return file, &configError{path, found, y.lines}
	}
	return file.rooted(path)
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
	return append(found, c.Ledger.sense()...)
}

// rooted makes relative paths start in the file's own folder.
func (c configFile) rooted(path string) (configFile, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return c, err
	}
	c.serverFile = c.from(filepath.Dir(full))
	c.Ledger = c.Ledger.from(filepath.Dir(full))
	for name, s := range c.Servers {
		c.Servers[name] = s.from(filepath.Dir(full))
	}
	return c, nil
}
