package dialect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// wazuhLogged adds a line to the log where Wazuh has one: two folders above the
// program's. It gives the exit code.
func wazuhLogged(s Surroundings, reply formReply) error {
	return reply.logged(func(line string) error {
		text := time.Now().UTC().Format("2006/01/02 15:04:05") + " active-response/bin/kes-respond-wazuh: " + line + "\n"
		if s.Executable != "" {
			log := filepath.Join(filepath.Dir(s.Executable), "..", "..", "logs", "active-responses.log")
			if to, err := existing(log); err == nil {
				_, err = to.WriteString(text)
				return errors.Join(err, to.Close())
			}
		}
		_, err := io.WriteString(s.Err, text) // run elsewhere
		return err
	})
}

// existing opens a file to add to it: one that is there, and neither a link to
// another nor a pipe. Wazuh starts us as root, and the folder is not root's.
func existing(path string) (*os.File, error) {
	seen, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !seen.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return nil, err
	}
	opened, err := f.Stat()
	if err == nil && !os.SameFile(seen, opened) {
		err = fmt.Errorf("%s was changed meanwhile", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
