package dialect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

var _ = register(Dialect{
	Platform: "stackstorm", Names: []string{"kes-respond-stackstorm"}, Takes: "--NAME=VALUE... TASK", answer: asStackStorm,
})

// asStackStorm is an action of the local-shell-script runner: --name=value for
// each parameter that has a value, then the action's own word, a task, "check" or
// "status" (StackStorm/st2, models/system/action.py). It prints one JSON object,
// which StackStorm reads, and its exit code says whether it went well.
func asStackStorm(ctx context.Context, s Surroundings, args []string) error {
	f, err := stackStormForm(s, args)
	if err != nil {
		return notSent(err.Error() + "; nothing was sent").printed(s.Out)
	}
	return replied(carryOut(ctx, s, f)).printed(s.Out)
}

func stackStormForm(s Surroundings, args []string) (form, error) {
	f := form{members: map[string]json.RawMessage{}}
	var words []string
	given := map[string]string{}
	for _, arg := range args {
		name, value, valued := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		switch {
		case !strings.HasPrefix(arg, "--"):
			words = append(words, arg)
			continue
		case !valued || name == "":
			return f, fmt.Errorf("--%s has no value, or no name", name)
		}
		if _, again := given[name]; again {
			return f, fmt.Errorf("--%s stands twice", name)
		}
		given[name] = value
	}
	if len(words) != 1 {
		return f, fmt.Errorf("%d words stand where the action's own is expected", len(words))
	}
	f.config = given["config"]
	delete(given, "config")
	if within, ok := given["within"]; ok { // StackStorm's own timeout never reaches an action
		if _, both := given["timeout"]; both {
			return f, errors.New("--within and --timeout exclude each other")
		}
		given["timeout"] = within
		delete(given, "within")
	}
	t, isTask := task.Lookup(words[0])
	switch {
	case isTask:
		f.kind, f.params = shared.TypeRespond, map[string]json.RawMessage{}
		f.members["task"], f.members["actor"] = asText(t.Name), asText("StackStorm")
	case words[0] == shared.TypeCheck || words[0] == shared.TypeStatus:
		f.kind = words[0]
	default:
		return f, fmt.Errorf("%q is no action of this pack", words[0])
	}
	for name, value := range given {
		if isTask && name == t.LoadMember() {
			text, err := s.Load(t, value)
			if err != nil {
				return f, fmt.Errorf("--%s: %w", name, err)
			}
			value = text
		}
		if err := f.take(t, name, asText(value)); err != nil {
			return f, fmt.Errorf("--%w", err)
		}
	}
	return f, nil
}
