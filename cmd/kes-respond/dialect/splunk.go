package dialect

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
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

var _ = register(Dialect{
	Platform: "splunk", Names: []string{"kes-respond-splunk"}, Takes: "--execute TASK", answer: asSplunk,
})

// splunkPayload is what Splunk writes to a custom alert action, save what nobody
// here needs (docs.splunk.com, AdvancedDev/CustomAlertScript).
type splunkPayload struct {
	SessionKey    string                     `json:"session_key"`
	Search        string                     `json:"search_name"`
	Configuration map[string]json.RawMessage `json:"configuration"`
	Result        json.RawMessage            `json:"result"` // the first row
}

// asSplunk is a custom alert action of Splunk Enterprise: --execute and the task,
// or "check" or "status", and the payload on standard input. What is said on
// standard error stands in Splunk's own log, by its first word.
func asSplunk(ctx context.Context, s Surroundings, args []string) error {
	if len(args) != 2 || args[0] != "--execute" {
		return exit.Usage("as splunk takes --execute, as Splunk gives it, and the name of a task")
	}
	payload, f, err := splunkForm(s, args[1])
	if err != nil {
		return splunkLogged(s.Err, notSent(err.Error()+"; nothing was sent"))
	}
	if err := f.splunkSettings(ctx, s, payload.SessionKey); err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return splunkLogged(s.Err, replied(carryOut(ctx, s, f)))
}

// splunkSettings are what the app of Splunk has beside the program: the account's
// password in Splunk's store, and a configuration file. Where the program lies is
// known, or nothing is looked for: not below the folder that it happens to run in.
func (f *form) splunkSettings(ctx context.Context, s Surroundings, session string) error {
	if s.Executable == "" {
		return nil
	}
	app := filepath.Join(filepath.Dir(s.Executable), "..", "..")
	password, err := splunkPassword(ctx, s, app, session)
	if err != nil {
		if _, err := fmt.Fprintf(s.Err, "WARN %s; the configuration has to say where the password is\n", printable.Text(err.Error())); err != nil {
			return err
		}
	} else if password != "" {
		f.getenv = besides(s.Getenv, "kscPassword", password)
	}
	if own := filepath.Join(app, "local", "kes-respond.yaml"); f.config == "" {
		if _, err := os.Stat(own); err == nil {
			f.config = own
		}
	}
	return nil
}

// splunkLogged writes the reply as one line for Splunk's log, and gives the exit
// code.
func splunkLogged(log io.Writer, reply formReply) error {
	level := "INFO"
	if reply.Exit != shared.ExitOK {
		level = "ERROR"
	}
	return reply.logged(func(line string) error {
		_, err := fmt.Fprintf(log, "%s %s\n", level, line)
		return err
	})
}

// splunkToken is a token that Splunk had no value for.
var splunkToken = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\$(result|results|job|alert|trigger_date|trigger_time|name|owner|app)(\.[\w.{}*-]+)?\$`)
})

// splunkForm reads the parameters of the action: of the task, or members of a
// request. One that begins with @ is a field of the search's first result.
func splunkForm(s Surroundings, word string) (splunkPayload, form, error) {
	var p splunkPayload
	f := form{kind: shared.TypeRespond, members: map[string]json.RawMessage{}}
	data, err := handedOver(s.In)
	if err != nil {
		return p, f, err
	}
	found, err := shared.CheckJSON(data)
	// What an event has written into its row matters where it is used, and is checked there.
	found = slices.DeleteFunc(found, func(v shared.Violation) bool { return strings.HasPrefix(v.Pointer, "/result/") })
	if err != nil || len(found) > 0 || json.Unmarshal(data, &p) != nil || !anObject(p.Result) {
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
		given := raw
		if raw, err = p.value(name, raw); err != nil {
			return p, f, err
		}
		switch {
		case name == "config": // the author's own word: an event names no KSC
			err = json.Unmarshal(given, &f.config)
		case isTask && name == t.LoadMember():
			raw, err = splunkFile(s, t, given)
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
func splunkFile(s Surroundings, t *task.Task, raw json.RawMessage) (json.RawMessage, error) {
	var path string
	if err := json.Unmarshal(raw, &path); err != nil {
		return nil, err
	}
	loaded, err := s.Load(t, path)
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
	value, err := member(p.Result, field)
	if err != nil {
		return nil, fmt.Errorf("the search's result: %w", err)
	}
	if empty(value) {
		return nil, fmt.Errorf("the search's result has no field %s", printable.Text(field))
	}
	all, err := member(p.Result, "__mv_"+field)
	if err != nil {
		return nil, fmt.Errorf("the search's result: %w", err)
	}
	var one, several string
	if json.Unmarshal(value, &one) == nil && json.Unmarshal(all, &several) == nil && strings.Contains(several, "$;$") {
		value, _ = json.Marshal(strings.Split(several, "$;$")) // texts can be written
	}
	return value, nil
}

// splunkPassword is what Splunk's own store has, asked by the package's helper,
// which Splunk's own Python runs; "" where it has none. The session's key goes to
// its standard input, so that no list of processes shows it.
func splunkPassword(ctx context.Context, s Surroundings, app, session string) (string, error) {
	helper := filepath.Join(app, "bin", "kes_password.py")
	home := s.Getenv("SPLUNK_HOME")
	if _, err := os.Stat(helper); err != nil || home == "" || session == "" {
		return "", nil // tried by hand
	}
	asked := []string{filepath.Join(home, "bin", "splunk"), "cmd", "python3", helper}
	return s.Password(ctx, "Splunk's store", asked, strings.NewReader(session+"\n"))
}
