package setup

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
	"runtime"
	"time"

	"github.com/natefinch/atomic"
	"go.yaml.in/yaml/v3"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin/ksc"
	"github.com/kes-respond/kes-respond/shared"
)

// The modes of what init writes: nobody but the owner reads the password, and
// nobody else writes the configuration. Into the folder anybody may look: where it
// is root's, every user's program looks there for a policy, and does not start where
// it cannot.
const (
	passwordMode fs.FileMode = 0o600
	configMode   fs.FileMode = 0o640
	folderMode   fs.FileMode = 0o755
)

func hostPort(s config.Server) string {
	return net.JoinHostPort(s.Host, cmp.Or(string(s.Port), ksc.DefaultPort))
}

// text is the configuration as people read it, proved to say what was answered.
func (i *foundation) text(passwordFile string) ([]byte, error) {
	text, err := i.yaml(passwordFile)
	if err != nil {
		return nil, err
	}
	file, err := config.Parse(i.path, text)
	if err == nil && (file.Host != i.server.Host || file.User != i.server.User || file.PasswordFile != passwordFile) {
		err = fmt.Errorf("%s would not say what was answered", i.path)
	}
	return text, err
}

func (i *foundation) yaml(passwordFile string) ([]byte, error) {
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
		passwordFile, i.area,
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Written by kes-respond init on %s. kscCert holds what the server's certificate\n# was compared with: the SHA-256 of its DER, or a file.\n", time.Now().UTC().Format(time.DateOnly))
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	err := errors.Join(enc.Encode(written), enc.Close())
	return b.Bytes(), err
}

// write writes what was answered, and says where.
func (i *foundation) write(context.Context) (err error) {
	for n, one := range i.server.Cert {
		if _, pin := ksc.ParsePin(one); !pin && !config.Off(one) {
			if i.server.Cert[n], err = filepath.Abs(one); err != nil {
				return exit.Usage("init: %w", err)
			}
		}
	}
	if err := i.files(); err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	how := ""
	if i.path != "/etc/kes-respond/config.yaml" {
		how = " --config " + printable.ShellWord(i.path)
	}
	_, err = fmt.Fprintf(i.Out, "wrote %s\nnext: kes-respond check%s\n      kes-respond isolateHost --targetHost HOST --action 1 --dryRun true%s\n", i.path, how, how)
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return nil
}

// files writes the password, then the configuration that names it. What cannot be
// written whole leaves nothing behind. Two files cannot be replaced at once: where
// there is a configuration that may name the old password, the new one goes by a name
// of its own until nobody names the old one. So whoever is killed on the way leaves
// the old pair or the new one, and never one of each.
func (i *foundation) files() error {
	text, err := i.text(cmp.Or(i.server.PasswordFile, i.beside))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(i.path), folderMode); err != nil {
		return err
	}
	if i.beside == "" {
		return i.file(i.path, text, configMode)
	}
	answer, _ := i.server.Remembered()
	password := []byte(answer + "\n")
	if i.mayBeNamed() {
		parted, err := i.text(i.beside + apart)
		if err == nil {
			err = i.file(i.beside+apart, password, passwordMode)
		}
		if err == nil {
			err = i.file(i.path, parted, configMode)
		}
		if err != nil {
			return err
		}
	}
	if err := i.file(i.beside, password, passwordMode); err != nil {
		return err
	}
	if err := i.file(i.path, text, configMode); err != nil {
		if !i.Force {
			err = errors.Join(err, os.Remove(i.beside))
		}
		return err
	}
	if !i.Force {
		return nil
	}
	if err := os.Remove(i.beside + apart); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// mayBeNamed says that there is a configuration which a password in the usual place
// could belong to. One that names the place apart was left by who was killed there.
func (i *foundation) mayBeNamed() bool {
	if _, err := os.Lstat(i.path); errors.Is(err, fs.ErrNotExist) {
		return false
	}
	old, err := config.Read(i.path)
	if err != nil {
		return true
	}
	named, err := os.Stat(old.PasswordFile)
	if err != nil {
		return true
	}
	parted, err := os.Stat(i.beside + apart)
	return err != nil || !os.SameFile(named, parted)
}

// The ends of names in which a file is on its way to its place.
const (
	apart = ".new"  // of a password, while a configuration may name the old one
	whole = ".part" // of a file that is not there before it is whole
)

// file writes a file of its own, or with force in the place of one: it is never seen
// half written, or with another mode, and lasts before what comes next.
func (i *foundation) file(path string, data []byte, mode fs.FileMode) error {
	passed := i.Step
	if passed == nil {
		passed = func(string) {}
	}
	part := path + whole
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) { // of who was killed
		return err
	}
	passed("init")
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, passwordMode)
	if err != nil {
		return err
	}
	passed("init")
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	passed("init")
	if err == nil {
		err = i.put(part, path)
	}
	if err != nil {
		_ = os.Remove(part) // it may have been put
		return err
	}
	passed("init")
	return syncFolder(filepath.Dir(path))
}

// put gives a whole file its name. Without force it takes the place of none, also
// where one came since that was looked at.
func (i *foundation) put(part, path string) error {
	if i.Force {
		return atomic.ReplaceFile(part, path)
	}
	err := os.Link(part, path)
	if err == nil {
		return os.Remove(part)
	}
	if errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, passwordMode) // a file system without links
	if err != nil {
		return err
	}
	if err = errors.Join(f.Close(), atomic.ReplaceFile(part, path)); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// syncFolder makes a name in a folder last. Windows has no such thing.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
