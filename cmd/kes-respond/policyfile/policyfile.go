// Package policyfile reads the policies that stand in files, and reads them anew while
// the program runs. Only what can be used counts: a file that is broken, gone, or that
// others could have written leaves in force what was last read of it.
package policyfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/plugin/guard"
)

// Files are the policy files of a running program. They are read anew for
// each request that is judged, so that a change counts for the next one; a
// policy is short, and to read it costs less than to be wrong about whether it
// changed. A file that cannot be used any more leaves in force what was last
// read of it: nothing that goes wrong with a file loosens a policy.
type Files struct {
	mu    sync.Mutex
	files []*watched
	say   func(level slog.Level, text string) // once for each change
}

// Read reads the policy that always counts, where it is there, and the
// configured one, which must be. What either denies is denied.
func Read(always, configured string) (*Files, error) {
	p := &Files{say: func(slog.Level, string) {}}
	for _, path := range []string{always, configured} {
		if path == "" {
			continue
		}
		f := &watched{path: path, needed: path == configured}
		if _, err := f.look(); err != nil {
			return nil, err
		}
		p.files = append(p.files, f)
	}
	return p, nil
}

// Hear has a log told of changes from now on.
func (p *Files) Hear(say func(level slog.Level, text string)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.say = say
}

// LoggedTo is for hear.
func LoggedTo(ctx context.Context, log *slog.Logger) func(slog.Level, string) {
	return func(level slog.Level, text string) { log.Log(ctx, level, text) }
}

// Now is the policy that counts; see plugin.Config.
func (p *Files) Now() (guard.Policy, string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all guard.Policy
	var warnings []string
	for _, f := range p.files {
		warning := ""
		changed, err := f.look()
		if err != nil {
			warning = f.warning(err)
			warnings = append(warnings, warning)
		}
		switch {
		case warning != "" && warning != f.said:
			p.say(slog.LevelWarn, warning)
		case warning == "" && changed:
			p.say(slog.LevelInfo, "the policy in "+f.path+" changed; what it says now counts")
		case warning == "" && f.said != "":
			p.say(slog.LevelInfo, "the policy in "+f.path+" can be used again")
		}
		f.said = warning
		all = all.And(f.policy)
	}
	return all, strings.Join(warnings, "; ")
}

// watched is one file, and what was last read of it that can be used.
type watched struct {
	path   string
	needed bool // it must be there
	policy guard.Policy
	since  time.Time // when policy was read; zero: it never was
	good   []byte    // what policy was read from
	said   string    // the warning of which the log was told

	bad    []byte // what is known to be no policy, so that it is not read again and again
	badFor error
}

// look reads the file and says whether it changed. The error says why it
// cannot be used; then policy stays.
func (f *watched) look() (changed bool, err error) {
	data, err := trusted.Read(f.path, trusted.Writable)
	switch _, gone := os.Lstat(f.path); {
	case errors.Is(err, fs.ErrNotExist) && errors.Is(gone, fs.ErrNotExist) && !f.needed && f.since.IsZero():
		return false, nil
	case err != nil:
		return false, withRemedy(err)
	case !f.since.IsZero() && bytes.Equal(data, f.good):
		return false, nil
	case f.badFor != nil && bytes.Equal(data, f.bad):
		return false, f.badFor
	}
	policy, err := parse(f.path, data)
	if err != nil {
		f.bad, f.badFor = data, err
		return false, err
	}
	f.policy, f.good, f.since = policy, data, time.Now()
	f.bad, f.badFor = nil, nil
	return true, nil
}

// withRemedy says what to do where we may not read a policy, or may not even see
// whether there is one.
func withRemedy(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; a policy counts for everybody, so whoever runs this has to be able to read it: give its folder the mode 755, and the file 644", err)
	}
	return err
}

// maxPolicyWarning bounds what a request hears of a broken policy.
const maxPolicyWarning = 1000

func (f *watched) warning(err error) string {
	why := strings.NewReplacer(":\n  ", ": ", "\n  ", "; ").Replace(err.Error())
	if len(why) > maxPolicyWarning {
		why = strings.ToValidUTF8(why[:maxPolicyWarning], "") + "…"
	}
	if f.since.IsZero() {
		return fmt.Sprintf("there is a policy that cannot be used: %s; what counted before it still counts, until it is mended", why)
	}
	return fmt.Sprintf("the policy changed and cannot be used: %s; the one that was read at %s still counts, until the file is mended or the program started anew",
		why, f.since.UTC().Format(time.RFC3339))
}
