package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// splunkPayload is what Splunk writes to a custom alert action, save what nobody
// here needs (docs.splunk.com, AdvancedDev/CustomAlertScript).
type splunkPayload struct {
	SessionKey    string                     `json:"session_key"`
	Search        string                     `json:"search_name"`
	Configuration map[string]json.RawMessage `json:"configuration"`
	Result        map[string]json.RawMessage `json:"result"` // the first row
}

// asSplunk is a custom alert action of Splunk Enterprise: --execute and the task,
// or "check" or "status", and the payload on standard input. What is said on
// standard error stands in Splunk's own log, by its first word.
func asSplunk(ctx context.Context, s surroundings, args []string) error {
	if len(args) != 2 || args[0] != "--execute" {
		return usage("as splunk takes --execute, as Splunk gives it, and the name of a task")
	}
	reply := formReply{Exit: shared.ExitRefused}
	payload, f, err := splunkForm(s.in, args[1])
	if err != nil {
		reply.Message = err.Error() + "; nothing was sent"
	} else {
		app := filepath.Join(filepath.Dir(s.executable), "..", "..")
		if password, err := splunkPassword(ctx, s.getenv, app, payload.SessionKey); err != nil {
			_, err = fmt.Fprintf(s.err, "WARN %s; the configuration has to say where the password is\n", printable(err.Error()))
			if err != nil {
				return exit.With(shared.ExitFailed, err)
			}
		} else if password != "" {
			s.getenv = besides(s.getenv, "kscPassword", password)
		}
		if own := filepath.Join(app, "local", "kes-respond.yaml"); f.config == "" {
			if _, err := os.Stat(own); err == nil {
				f.config = own
			}
		}
		reply = replied(carryOut(ctx, s, f, silent))
	}
	line, err := json.Marshal(reply)
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	level := "INFO"
	if reply.Exit != shared.ExitOK {
		level = "ERROR"
	}
	if _, err := fmt.Fprintf(s.err, "%s %s\n", level, line); err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return exitOf(reply)
}

// splunkToken is a token that Splunk had no value for.
var splunkToken = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$(result|results|job|alert|trigger_date|trigger_time|name|owner|app)(\.[\w.{}*-]+)?\$`)
})

// splunkForm reads the parameters of the action: of the task, or members of a
// request. One that begins with @ is a field of the search's first result.
func splunkForm(in io.Reader, word string) (splunkPayload, form, error) {
	var p splunkPayload
	f := form{kind: shared.TypeRespond, members: map[string]json.RawMessage{}}
	data, err := document(in)
	if err != nil {
		return p, f, err
	}
	found, err := shared.CheckJSON(data)
	// What an event has written into its row matters where it is used, and is checked there.
	found = slices.DeleteFunc(found, func(v shared.Violation) bool { return strings.HasPrefix(v.Pointer, "/result/") })
	if err != nil || len(found) > 0 || json.Unmarshal(data, &p) != nil {
		return p, f, errors.New("standard input holds no payload that Splunk writes")
	}
	t, isTask := task.Lookup(word)
	switch {
	case word == shared.TypeCheck || word == shared.TypeStatus:
		f.kind = word
	case !isTask:
		return p, f, fmt.Errorf("%q is no task", word)
	default:
		f.params = map[string]json.RawMessage{}
		f.members["task"], f.members["actor"], f.members["reason"] = asText(t.Name), asText("Splunk"), asText(shortened(p.Search, 1024))
	}
	for name, raw := range p.Configuration {
		if empty(raw) {
			continue
		}
		if raw, err = p.value(name, raw); err != nil {
			return p, f, err
		}
		switch {
		case name == "config":
			err = json.Unmarshal(raw, &f.config)
		case isTask && name == t.LoadMember():
			raw, err = splunkFile(t, p.Configuration[name])
			f.params[name] = raw
		default:
			err = f.take(t, name, raw)
		}
		if err != nil {
			return p, f, fmt.Errorf("%s: %w", name, err)
		}
	}
	return p, f, nil
}

// splunkFile reads the file that the alert's author has named; an event names none.
func splunkFile(t *task.Task, raw json.RawMessage) (json.RawMessage, error) {
	var path string
	if err := json.Unmarshal(raw, &path); err != nil {
		return nil, err
	}
	loaded, err := load(t, path)
	return asText(loaded), err
}

// value is what a parameter says. A field of several values is all of them, so
// that none is taken for the one that was meant.
func (p splunkPayload) value(name string, raw json.RawMessage) (json.RawMessage, error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return raw, nil
	}
	if token := splunkToken().FindString(text); token != "" {
		return nil, fmt.Errorf("%s holds %s, for which Splunk had no value", name, token)
	}
	field, ok := strings.CutPrefix(text, "@")
	if !ok {
		return raw, nil
	}
	value := p.Result[field]
	if empty(value) {
		return nil, fmt.Errorf("the search's result has no field %s", printable(field))
	}
	var one, several string
	if json.Unmarshal(value, &one) == nil && json.Unmarshal(p.Result["__mv_"+field], &several) == nil && strings.Contains(several, "$;$") {
		value, _ = json.Marshal(strings.Split(several, "$;$")) // texts can be written
	}
	return value, nil
}

// splunkPassword is what Splunk's own store has, asked by the package's helper,
// which Splunk's own Python runs; "" where it has none. The session's key goes to
// its standard input, so that no list of processes shows it.
func splunkPassword(ctx context.Context, getenv func(string) string, app, session string) (string, error) {
	helper := filepath.Join(app, "bin", "kes_password.py")
	home := getenv("SPLUNK_HOME")
	if _, err := os.Stat(helper); err != nil || home == "" || session == "" {
		return "", nil // tried by hand
	}
	said, err := printedBy(ctx, []string{filepath.Join(home, "bin", "splunk"), "cmd", "python3", helper}, strings.NewReader(session+"\n"))
	if err == nil && len(said) == 0 {
		return "", nil
	}
	return passwordIn("Splunk's store", said, err)
}

// besides is an environment with one more variable.
func besides(getenv func(string) string, name, value string) func(string) string {
	return func(asked string) string {
		if asked == name {
			return value
		}
		return getenv(asked)
	}
}
