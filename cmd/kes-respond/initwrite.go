package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/natefinch/atomic"
	"go.yaml.in/yaml/v3"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/strict"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// The modes of what init writes: nobody but the owner reads the password, and
// nobody else writes the configuration.
const (
	passwordMode fs.FileMode = 0o600
	configMode   fs.FileMode = 0o640
	folderMode   fs.FileMode = 0o750
)

func hostPort(s serverFile) string {
	return net.JoinHostPort(s.Host, cmp.Or(string(s.Port), ksc.DefaultPort))
}

// yaml is the configuration as people read it.
func (i *foundation) yaml() ([]byte, error) {
	written := struct {
		Host         string   `yaml:"kscHost"`
		Port         string   `yaml:"kscPort"`
		Cert         []string `yaml:"kscCert,omitempty"`
		User         string   `yaml:"kscUser"`
		Domain       string   `yaml:"kscDomain,omitempty"`
		Internal     bool     `yaml:"kscInternalUser,omitempty"`
		VServer      string   `yaml:"kscVServer,omitempty"`
		PasswordFile string   `yaml:"kscPasswordFile"`
		Area         string   `yaml:"responseEventIncidentArea"`
	}{
		i.server.Host, string(i.server.Port), i.server.Cert, i.server.User, i.server.Domain, i.server.InternalUser, i.server.VServer,
		cmp.Or(i.server.PasswordFile, i.beside), i.area,
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Written by kes-respond init on %s. kscCert holds what the server's certificate\n# was compared with: the SHA-256 of its DER, or a file.\n", time.Now().UTC().Format(time.DateOnly))
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := errors.Join(enc.Encode(written), enc.Close())
	return b.Bytes(), err
}

// write writes the password, then the configuration that names it. What cannot be
// written whole leaves nothing behind.
func (i *foundation) write(context.Context) (err error) {
	for n, one := range i.server.Cert {
		if _, pin := ksc.ParsePin(one); !pin && !isOff(one) {
			if i.server.Cert[n], err = filepath.Abs(one); err != nil {
				return exit.Usage("init: %w", err)
			}
		}
	}
	text, err := i.yaml()
	if err == nil {
		var file configFile
		err = strict.Parse(i.path, text, "config", &file, func() ([]shared.Violation, error) { return file.sense(), nil })
		if err == nil && (file.Host != i.server.Host || file.User != i.server.User) {
			err = fmt.Errorf("%s would not say what was answered", i.path)
		}
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(i.path), folderMode)
	}
	if err == nil && i.beside != "" {
		err = i.file(i.beside, []byte(i.server.password()+"\n"), passwordMode)
	}
	if err == nil {
		if err = i.file(i.path, text, configMode); err != nil && i.beside != "" && i.flags.force.value != "true" {
			err = errors.Join(err, os.Remove(i.beside))
		}
	}
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	how := ""
	if i.path != "/etc/kes-respond/config.yaml" {
		how = " --config " + shellWord(i.path)
	}
	_, err = fmt.Fprintf(i.s.out, "wrote %s\nnext: kes-respond check%s\n      kes-respond isolateHost --targetHost HOST --action 1 --dryRun true%s\n", i.path, how, how)
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return nil
}

// file writes a file of its own, or with force in the place of one: it is never
// seen half written, or with another mode.
func (i *foundation) file(path string, data []byte, mode fs.FileMode) error {
	if i.flags.force.value == "true" {
		if err := os.Chmod(path, passwordMode); err != nil && !errors.Is(err, fs.ErrNotExist) { // the new one gets its mode before it is there
			return err
		}
		return errors.Join(atomic.WriteFile(path, bytes.NewReader(data)), os.Chmod(path, mode))
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
